// @ts-check
/** The kinds of fields that the form has: a text, a choice, the length of training, the baselines. */

import { h } from "../shared/dom.js";
import { methodName } from "../shared/labels.js";
import { KINDS, at } from "./spec_text.js";

/** @import { Child, Task } from "../shared/types.js" */
/** @import { AnySpec, Kind } from "./spec_text.js" */
/** @import { Fields, Schema } from "./strategies.js" */

/**
 * What may be chosen, as the service says it.
 * @typedef {{tasks: Task[], strategies: Record<string, Fields>, defaults: Fields, optimizer: Fields}} Choices
 */
/**
 * Called with every change; a value that is a function makes it from the spec as it is then.
 * @typedef {(path: string, value: unknown) => void} Set
 */
/**
 * A field of the form: the paths of the spec whose errors it shows, its control, and where its errors stand.
 * @typedef {{paths: string[], control: HTMLElement, message: HTMLElement}} Field
 */
/** @typedef {{fields: Field[], spec: AnySpec, choices: Choices, set: Set}} Making */

/** @param {Making} making */
export function taskOf({ spec, choices }) {
  return choices.tasks.find((t) => t.name === spec.task);
}

/**
 * @param {Making} making
 * @param {string} path
 * @param {Child} label
 * @param {Kind} kind
 * @param {string} [hint]
 * @param {string} [placeholder] what an empty field means
 */
export function input({ fields, spec, choices, set }, path, label, kind, hint, placeholder) {
  const control = h("input", {
    type: "text",
    placeholder: placeholder ?? shownDefault(choices.defaults[path]),
    spellcheck: "false",
    autocomplete: "off",
    inputmode: kind === "number" ? "decimal" : null,
    value: KINDS[kind].show(at(spec, path)),
    input: ({ target }) => set(path, KINDS[kind].read(target.value)),
  });
  return labelled(fields, [path], label, control, hint);
}

/**
 * @param {Making} making
 * @param {string} path
 * @param {Child} label
 * @param {string[]} values
 * @param {(value: string) => void} change
 * @param {string} [hint]
 */
export function choice({ fields, spec }, path, label, values, change, hint) {
  const current = at(spec, path);
  // What is chosen is shown even if it is none of the values: the service then says what is wrong.
  const offered = current === undefined || values.includes(current) ? values : [current, ...values];
  const options = offered.map((value) => h("option", { value, selected: value === current }, value));
  const control = h("select", { change: ({ target }) => change(target.value) }, options);
  return labelled(fields, [path], label, control, hint);
}

/**
 * Yes or no.
 * @param {Making} making
 * @param {string} path
 * @param {string} label
 * @param {string} [hint]
 */
export function flag(making, path, label, hint) {
  const { spec, choices, set } = making;
  const now = at(spec, path) ?? choices.defaults[path]?.default;
  const words = { ...spec, [path]: now === true ? "yes" : now === false ? "no" : now };
  return choice(
    { ...making, spec: words },
    path,
    label,
    ["yes", "no"],
    (value) => set(path, value === "yes"),
    hint,
  );
}

/** @param {Making} making */
export function lengthField({ fields, spec, set }) {
  const unit = spec.steps !== undefined && spec.steps !== null ? "steps" : "epochs";
  const number = h("input", {
    type: "text",
    inputmode: "numeric",
    autocomplete: "off",
    value: KINDS.number.show(spec[unit]),
  });
  const options = ["epochs", "steps"].map((name) =>
    h("option", { value: name, selected: name === unit }, name),
  );
  const units = h("select", { "aria-label": "Unit of the length" }, options);
  const write = () => {
    set(units.value === "steps" ? "epochs" : "steps", undefined);
    set(units.value, KINDS.number.read(number.value));
  };
  number.addEventListener("input", write);
  units.addEventListener("change", write);
  const made = labelled(fields, ["epochs", "steps"], "Length of training", number);
  const pair = h("div", { class: "pair" });
  number.replaceWith(pair);
  pair.append(number, units);
  return made;
}

/** @param {Making} making */
export function baselines(making) {
  const { fields, spec, set } = making;
  const chosen = new Set(/** @type {string[]} */ (spec.baselines ?? []));
  const message = h("p", { class: "field-error", id: "field-baselines-error" });
  const box = (/** @type {string} */ name) => {
    const control = h("input", { type: "checkbox", checked: chosen.has(name) });
    control.addEventListener("change", () => {
      if (control.checked) chosen.add(name);
      else chosen.delete(name);
      set("baselines", [...chosen]);
    });
    return h("label", { class: "check" }, control, methodName(name));
  };
  const control = h(
    "fieldset",
    {
      class: "checks",
      id: "field-baselines",
      "aria-describedby": "field-baselines-error",
    },
    h("legend", {}, "Baselines"),
    (taskOf(making)?.baselines ?? []).map(box),
  );
  fields.push({ paths: ["baselines"], control, message });
  return h("div", { class: "field whole" }, control, message);
}

/**
 * A control with its label, its hint, and the place where its errors stand.
 * @param {Field[]} fields
 * @param {string[]} paths
 * @param {Child} label
 * @param {HTMLElement} control
 * @param {string} [hint]
 */
function labelled(fields, paths, label, control, hint) {
  const id = `field-${(paths[0] ?? "").replaceAll(".", "-")}`;
  const message = h("p", { class: "field-error", id: `${id}-error` });
  control.id = id;
  control.setAttribute("aria-describedby", `${hint ? `${id}-hint ` : ""}${id}-error`);
  fields.push({ paths, control, message });
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    control,
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    message,
  );
}

/**
 * What an empty field means.
 * @param {Schema | undefined} field
 */
function shownDefault(field) {
  return field?.default === undefined || field.default === null
    ? undefined
    : typeof field.default === "object" && !Array.isArray(field.default)
      ? JSON.stringify(field.default)
      : [field.default].flat().join(", ");
}
