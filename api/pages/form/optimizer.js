// @ts-check
/** The fields of a spec's optimizer: what Adam is given beside the learning rate. Several values are searched. */

import { choice, input } from "./controls.js";

/** @import { Making } from "./controls.js" */
/** @import { Kind } from "./spec_text.js" */

/** @type {[name: string, label: string, kind: Kind, like: string][]} */
const FIELDS = [
  ["weight_decay", "Weight decay", "values", "Like 0.01, or 0, 0.01, 0.1."],
  ["betas", "Betas", "pairs", "Like 0.9, 0.999, or 0.9, 0.999; 0.8, 0.99."],
  ["clip_norm", "Clip the gradient at", "norms", "Like 1, or none, 1, 10."],
  ["warmup", "Warmup", "values", "Like 0.1, or 0, 0.1."],
];
const SCHEDULES = ["constant", "cosine", "linear"];

/** @param {Making} making */
export function optimizerFields(making) {
  const { choices, set } = making;
  const about = (/** @type {string} */ name) => choices.optimizer[name]?.description ?? "";
  const schedule = (/** @type {string} */ value) =>
    set("optimizer.schedule", value === SCHEDULES[0] ? undefined : value);
  return [
    ...FIELDS.map(([name, label, kind, like]) => {
      const standard = choices.optimizer[name]?.default;
      const empty = standard === null ? "none" : [standard ?? []].flat().join(", ");
      return input(making, `optimizer.${name}`, label, kind, `${about(name)} ${like}`, empty);
    }),
    choice(making, "optimizer.schedule", "Schedule", SCHEDULES, schedule, about("schedule")),
  ];
}
