// @ts-check
/** The fields of the form for a spec: labels, hints, and the service's errors where they belong. */

import { h, put, tau } from "../shared/dom.js";
import { capital, sentence } from "../shared/format.js";
import { plain } from "../shared/labels.js";
import { baselines, choice, flag, input, lengthField, taskOf } from "./controls.js";
import { optimizerFields } from "./optimizer.js";
import { HINTS, switched, takesList } from "./strategies.js";

/** @import { Child, FieldError } from "../shared/types.js" */
/** @import { Choices, Field, Making, Set } from "./controls.js" */
/** @import { AnySpec, Kind } from "./spec_text.js" */
/** @import { Schema } from "./strategies.js" */

/**
 * Fields that only some strategies have.
 * @type {Record<string, {label: () => Child, hint: string}>}
 */
const OWN = {
  tau_b_start: {
    label: () => ["First ", tau("b")],
    hint: "At which the forward temperatures are searched.",
  },
  eta: {
    label: () => "One in so many goes on",
    hint: "At each rung but the last.",
  },
  rungs: { label: () => "Rungs", hint: "The last one is the end of training." },
  trials: { label: () => "Trials", hint: "Pairs that are tried." },
  batch: { label: () => "Batch", hint: "Trials that are asked for at a time." },
  rounds: { label: () => "Rounds", hint: "Parts of the training." },
};

/** What a task of the package is. */
/** @type {Record<string, string>} */
const TASKS = {
  sbn: "Stochastic binary network: classifies examples through layers of sampled bits.",
  catae: "Categorical autoencoder: codes an image by a few categories and draws it again.",
  dln: "Logic gate network: classifies images by gates whose kinds are learned.",
};

/** @typedef {ReturnType<typeof fieldsOf>} MadeFields */

/**
 * Makes the fields. `error` says whether a field took the error.
 * @param {AnySpec} spec
 * @param {Choices} choices
 * @param {Set} set
 */
export function fieldsOf(spec, choices, set) {
  /** @type {Field[]} */
  const fields = [];
  const making = { fields, spec, choices, set };
  const elements = [trained(making), searched(making), sure(making), optimizer(making), finer(making)];
  const ownerOf = (/** @type {string} */ path) => ownerAmong(fields, path);
  return {
    elements,
    /**
     * @param {FieldError} error
     * @param {FieldError[]} all
     */
    error({ field, message }, all) {
      const owner = ownerOf(field);
      if (!owner) return false;
      const mine = all.filter((error) => ownerOf(error.field) === owner).map((error) => placed(owner, error));
      put(owner.message, mine.length ? mine.join(" ") : sentence(message));
      owner.control.setAttribute("aria-invalid", "true");
      return true;
    },
    /** @param {FieldError[]} errors */
    clearOthers(errors) {
      for (const owner of fields) {
        if (errors.some((error) => ownerOf(error.field) === owner)) continue;
        put(owner.message);
        owner.control.removeAttribute("aria-invalid");
      }
    },
    /** @param {string} path */
    focus(path) {
      const control = ownerOf(path)?.control;
      const target = control?.matches("fieldset") ? control.querySelector("input") : control;
      target?.focus();
      return Boolean(target);
    },
  };
}

// --- the groups ---

/** @param {Making} making */
function trained(making) {
  const { choices, set } = making;
  const task = taskOf(making);
  const names = choices.tasks.map((t) => t.name);
  return group(
    "What is trained",
    input(making, "name", "Name", "text", "For the lists: letters, digits, spaces, . _ -"),
    choice(making, "task", "Task", names, (value) => set("task", value), TASKS[making.spec.task]),
    choice(making, "dataset", "Dataset", task?.datasets ?? [], (value) => set("dataset", value)),
    lengthField(making),
    input(making, "batch_size", "Batch size", "number"),
  );
}

/** @param {Making} making */
function searched(making) {
  const { spec, choices, set } = making;
  const name = spec.search?.strategy;
  const strategy = choices.strategies[name] ?? {};
  const example = (/** @type {string} */ key, /** @type {string} */ low) =>
    takesList(strategy[key]) ? `Like ${low}, 0.3, 0.5 or ${low} to 2 step 0.1.` : `Like ${low} to 2.`;
  const toStrategy = (/** @type {string} */ to) =>
    set("search", (/** @type {AnySpec} */ now) => switched(now.search, to, choices.strategies[to] ?? {}));
  const own = Object.entries(strategy).filter(([key]) => !["strategy", "tau_f", "tau_b"].includes(key));
  const forward = ["Forward temperatures ", tau("f")];
  const backward = ["Backward temperatures ", tau("b")];
  return group(
    "Which configurations",
    choice(making, "search.strategy", "Strategy", Object.keys(choices.strategies), toStrategy, HINTS[name]),
    input(making, "search.tau_f", forward, "values", `${example("tau_f", "0")} 0 is argmax.`),
    input(making, "search.tau_b", backward, "values", example("tau_b", "0.1")),
    own.map(([key, field]) => ownField(making, key, field)),
    input(making, "learning_rates", "Learning rates", "values", "Every configuration is tuned over these."),
  );
}

/**
 * @param {Making} making
 * @param {string} key
 * @param {Schema} field
 */
function ownField(making, key, field) {
  const label = OWN[key]?.label() ?? capital(plain(key));
  const placeholder = field.default ?? "";
  return input(making, `search.${key}`, label, "number", OWN[key]?.hint ?? field.description, placeholder);
}

/** @param {Making} making */
function sure(making) {
  const fresh =
    "The best of every method is trained again on so many. Several numbers, like 5, 10, 20: more are added until the " +
    "verdict is clear; with obrien-fleming at the end the first looks hardly ever decide. 0: no confirmation, so no " +
    "verdict.";
  return group(
    "How sure",
    input(making, "seeds", "Seeds", "number", "Configurations are selected on these."),
    input(making, "confirm_seeds", "Fresh seeds", "looks", fresh),
    baselines(making),
  );
}

/** @param {Making} making */
function optimizer(making) {
  return group("Adam, beside the learning rate", ...optimizerFields(making));
}

/**
 * What has a sensible default; the service's own words say what it is.
 * @param {Making} making
 */
function finer(making) {
  const about = (/** @type {string} */ name) => making.choices.defaults[name]?.description;
  const field = (/** @type {string} */ name, /** @type {string} */ label, /** @type {Kind} */ kind) =>
    input(making, name, label, kind, about(name));
  const control = (/** @type {string} */ value) => making.set("control", value || undefined);
  return group(
    "Finer settings",
    field("margin", "Margin", "text"),
    flag(making, "vary_split", "Another split for each fresh seed", about("vary_split")),
    flag(making, "extend", "Extend ranges", about("extend")),
    flag(making, "refine", "Refine optima", about("refine")),
    field("score", "Score", "json"),
    choice(making, "control", "Control", ["", "rescaled"], control, about("control")),
    field("diagnostics", "Diagnostics", "number"),
    field("reports", "Reports", "number"),
    field("max_hours", "Hours at most", "number"),
    field("members_per_population", "Models in a population", "number"),
    ofWords(making, "precision", "Precision of products", ["float32", "tf32", "bfloat16"]),
    ofWords(making, "compile", "Recorded steps", ["auto", "off"]),
    field("options", "Options of the task", "json"),
    field("dataset_options", "Options of the dataset", "json"),
  );
}

/**
 * A field of a few words, of which the first is its default.
 * @param {Making} making
 * @param {string} name
 * @param {string} label
 * @param {string[]} words
 */
function ofWords(making, name, label, words) {
  const change = (/** @type {string} */ word) => making.set(name, word === words[0] ? undefined : word);
  return choice(making, name, label, words, change, making.choices.defaults[name]?.description);
}

/**
 * @param {string} title
 * @param {...Child} content
 */
function group(title, ...content) {
  return h(
    "fieldset",
    { class: "card" },
    h("legend", {}, title),
    h("div", { class: "field-grid" }, ...content),
  );
}

// --- errors ---

/**
 * The field whose value holds a path: learning_rates for learning_rates.2, steps and epochs for the length.
 * @param {Field[]} fields
 * @param {string} path
 */
function ownerAmong(fields, path) {
  return fields.find(({ paths }) => paths.some((p) => path === p || path.startsWith(`${p}.`)));
}

/**
 * An error's sentence; of a list it says which value is meant.
 * @param {Field} owner
 * @param {FieldError} error
 */
function placed({ paths: [path = ""] }, { field, message }) {
  const place = field.startsWith(`${path}.`) ? field.slice(path.length + 1) : "";
  const which = /^\d+$/.test(place) ? `value ${Number(place) + 1} ` : place ? `${place} ` : "";
  return sentence(which + message);
}
