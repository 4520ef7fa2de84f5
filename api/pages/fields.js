/** The fields of the form for a spec: labels, hints, and the service's errors where they belong. */

import { h, put, tau } from "./dom.js";
import { capital, methodName, sentence, words } from "./format.js";
import { KINDS, at } from "./spec_text.js";

const HINTS = {
  grid: "Every pair of temperatures.",
  sequential: "First the forward temperatures, then the backward ones at the best of those.",
  halving: "The grid, of which at each rung only the best go on.",
  tpe: "Parzen estimators propose pairs between the bounds.",
  gp: "A Gaussian process proposes pairs between the bounds.",
  pbt: "After each round the worst take the place of the best, with other temperatures: the result is a schedule.",
};

// Fields that only some strategies have.
const OWN = {
  tau_b_start: { label: ["First ", tau("b")], hint: "At which the forward temperatures are searched." },
  eta: { label: "One in so many goes on", hint: "At each rung but the last." },
  rungs: { label: "Rungs", hint: "The last one is the end of training." },
  trials: { label: "Trials", hint: "Pairs that are tried." },
  batch: { label: "Batch", hint: "Trials that are asked for at a time." },
  rounds: { label: "Rounds", hint: "Parts of the training." },
};

/**
 * Makes the fields. `set(path, value)` is called with every change; a value that is a function makes it from the spec as it is then.
 *
 * Returns {elements, error(error, all), clearOthers(errors), focus(path)}: `error` says whether a field took the error.
 */
export function fieldsOf(spec, known, set) {
  const fields = []; // {path, control, message, label}
  const field = (path, label, control, hint) => labelled(fields, path, label, control, hint);
  const input = (path, label, kind, hint, props = {}) => field(path, label, h("input", {
    placeholder: shownDefault(known.defaults[path]), ...props, type: "text", spellcheck: "false", autocomplete: "off", inputmode: kind === "number" ? "decimal" : null,
    value: KINDS[kind].show(at(spec, path)), input: (event) => set(path, KINDS[kind].read(event.target.value)),
  }), hint);
  const choice = (path, label, values, change, hint) => field(path, label,
    h("select", { change: (event) => change(event.target.value) }, offered(values, at(spec, path)).map((value) =>
      h("option", { value, selected: value === at(spec, path) }, value))), hint);

  const task = known.tasks.find((t) => t.name === spec.task);
  const strategy = known.strategies[spec.search?.strategy] ?? {};
  const own = Object.entries(strategy).filter(([name]) => !["strategy", "tau_f", "tau_b"].includes(name));
  const span = (name, low) => (takesList(strategy[name]) ? `Like ${low}, 0.3, 0.5 or ${low} to 2 step 0.1.` : `Like ${low} to 2.`);
  const elements = [
    group("What is trained",
      input("name", "Name", "text", "For the lists: letters, digits, spaces, . _ -"),
      choice("task", "Task", known.tasks.map((t) => t.name), (value) => set("task", value)),
      choice("dataset", "Dataset", task?.datasets ?? [], (value) => set("dataset", value)),
      lengthField(spec, set, fields),
      input("batch_size", "Batch size", "number")),
    group("Which configurations",
      choice("search.strategy", "Strategy", Object.keys(known.strategies), (name) => set("search", (now) => switched(now.search, name, known.strategies[name])),
        HINTS[spec.search?.strategy]),
      input("search.tau_f", ["Forward temperatures ", tau("f")], "values", `${span("tau_f", "0")} 0 is argmax.`),
      input("search.tau_b", ["Backward temperatures ", tau("b")], "values", span("tau_b", "0.1")),
      own.map(([name, property]) => input(`search.${name}`, OWN[name]?.label ?? capital(words(name)), "number", OWN[name]?.hint ?? property.description,
        { placeholder: property.default ?? "" })),
      input("learning_rates", "Learning rates", "values", "Every configuration is tuned over these.")),
    group("How sure",
      input("seeds", "Seeds", "number", "Configurations are selected on these."),
      input("confirm_seeds", "Fresh seeds", "number", "The best of every method is trained again on these; 0: no confirmation, so no verdict."),
      baselines(spec, task, set, fields)),
  ];

  return {
    elements,
    error({ field: name, message }, all) {
      const owner = ownerOf(fields, name);
      if (!owner) return false;
      const mine = all.filter((error) => ownerOf(fields, error.field) === owner).map((error) => placed(owner.path, error));
      put(owner.message, mine.length ? mine.join(" ") : sentence(message));
      owner.control.setAttribute("aria-invalid", "true");
      return true;
    },
    clearOthers(errors) {
      for (const owner of fields) {
        if (errors.some((error) => ownerOf(fields, error.field) === owner)) continue;
        put(owner.message);
        owner.control.removeAttribute("aria-invalid");
      }
    },
    focus(path) {
      const owner = ownerOf(fields, path);
      const target = owner?.control.matches("fieldset") ? owner.control.querySelector("input") : owner?.control;
      target?.focus();
      return Boolean(target);
    },
  };
}

/** The field whose value holds a path: learning_rates for learning_rates.2, steps and epochs for the length. */
function ownerOf(fields, path) {
  return fields.find((f) => f.paths.some((p) => path === p || path.startsWith(`${p}.`)));
}

/** An error's sentence; of a list it says which value is meant. */
function placed(path, { field, message }) {
  const place = field.startsWith(`${path}.`) ? field.slice(path.length + 1) : "";
  const which = /^\d+$/.test(place) ? `value ${Number(place) + 1} ` : place ? `${place} ` : "";
  return sentence(which + message);
}

function labelled(fields, path, label, control, hint, paths = [path]) {
  const id = `field-${path.replaceAll(".", "-")}`;
  const message = h("p", { class: "field-error", id: `${id}-error` });
  control.id = id;
  control.setAttribute("aria-describedby", `${hint ? `${id}-hint ` : ""}${id}-error`);
  fields.push({ paths, path, control, message });
  return h("div", { class: "field" },
    h("label", { for: id }, label), control, hint && h("p", { class: "hint", id: `${id}-hint` }, hint), message);
}

function group(title, ...content) {
  return h("fieldset", { class: "card" }, h("legend", {}, title), h("div", { class: "field-grid" }, content));
}

/** What an empty field means. */
function shownDefault(property) {
  return property?.default === undefined || property.default === null ? null : [property.default].flat().join(", ");
}

/** The known values, and the one that is there even if it is none of them: the service says so. */
function offered(values, current) {
  return current === undefined || values.includes(current) ? values : [current, ...values];
}

function lengthField(spec, set, fields) {
  const unit = spec.steps !== undefined && spec.steps !== null ? "steps" : "epochs";
  const number = h("input", { type: "text", inputmode: "numeric", autocomplete: "off", value: KINDS.number.show(spec[unit]) });
  const units = h("select", { "aria-label": "Unit of the length" },
    ["epochs", "steps"].map((name) => h("option", { value: name, selected: name === unit }, name)));
  const write = () => {
    set(units.value === "steps" ? "epochs" : "steps", undefined);
    set(units.value, KINDS.number.read(number.value));
  };
  number.addEventListener("input", write);
  units.addEventListener("change", write);
  const made = labelled(fields, "epochs", "Length of training", number, null, ["epochs", "steps"]);
  const pair = h("div", { class: "pair" });
  number.replaceWith(pair);
  pair.append(number, units);
  return made;
}

function baselines(spec, task, set, fields) {
  const chosen = new Set(spec.baselines ?? []);
  const message = h("p", { class: "field-error", id: "field-baselines-error" });
  const toggle = (name) => (event) => {
    if (event.target.checked) chosen.add(name);
    else chosen.delete(name);
    set("baselines", [...chosen]);
  };
  const boxes = offered(task?.baselines ?? [], undefined).map((name) => h("label", { class: "check" },
    h("input", { type: "checkbox", checked: chosen.has(name), change: toggle(name) }), methodName(name)));
  const control = h("fieldset", { class: "checks", id: "field-baselines", "aria-describedby": "field-baselines-error" }, h("legend", {}, "Baselines"), boxes);
  fields.push({ paths: ["baselines"], path: "baselines", control, message });
  return h("div", { class: "field whole" }, control, message);
}

// --- another strategy ---

function takesList(property) {
  return JSON.stringify(property ?? {}).includes('"array"');
}

/** The search for another strategy: the same temperatures, as the kind of values that it takes. */
function switched(search, name, properties) {
  const wanted = { strategy: name };
  for (const key of ["tau_f", "tau_b"]) {
    const given = search?.[key];
    const list = Array.isArray(given) ? given.filter(Number.isFinite) : null;
    if (takesList(properties[key])) wanted[key] = given?.step === undefined && given?.high !== undefined ? { ...given, step: (given.high - given.low) / 10 } : given;
    else if (list?.length) wanted[key] = { low: Math.min(...list), high: Math.max(...list) };
    else wanted[key] = given && { low: given.low ?? given, high: given.high ?? given };
  }
  for (const [key, property] of Object.entries(properties)) {
    if (key in wanted) continue;
    const value = search?.[key] ?? property.default;
    if (value !== undefined && value !== null) wanted[key] = value;
  }
  if (properties.trials) wanted.trials ??= sensibleTrials(search, properties.trials);
  return wanted;
}

/** As many trials as the grid before had pairs, within what the strategy takes. */
function sensibleTrials(search, { minimum = 1, maximum = 100 }) {
  const many = (given) => (Array.isArray(given) ? given.length : given?.step > 0 ? Math.floor((given.high - given.low) / given.step) + 1 : 1);
  return Math.max(minimum, 4, Math.min(maximum, 100, many(search?.tau_f) * many(search?.tau_b) || 0));
}
