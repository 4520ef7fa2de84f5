// @ts-check
/** The chosen trial of every method: in the search, and on fresh seeds. */

import { h, put, tau, whenChanged } from "../shared/dom.js";
import { capital, count, decimalsFor, number, score, settingsText } from "../shared/format.js";
import { fullMethodName } from "../shared/labels.js";
import { trialLink } from "../shared/links.js";
import { MOVING } from "../shared/state.js";
import { table } from "../shared/table.js";
import { section } from "./part.js";

/** @import { Results, Trial } from "../shared/types.js" */
/** @import { Part } from "./part.js" */

/** @returns {Part} */
export function methods() {
  const holder = h("div", {});
  const draw = whenChanged(
    (/** @type {Results} */ results, /** @type {string} */ study, /** @type {string} */ objective) =>
      put(holder, content(results, study, objective)),
  );
  return {
    element: section("Methods", holder),
    update: ({ results, study }) => draw(results, study.id, study.objective.label),
  };
}

/** @param {string} objective */
function heads(objective) {
  return [
    { title: "Method" },
    { title: tau("f"), numeric: true },
    { title: tau("b"), numeric: true },
    { title: "Learning rate", numeric: true },
    { title: `${capital(objective)}, search`, numeric: true },
    { title: "Fresh seeds", numeric: true },
    { title: "Chosen from", numeric: true },
  ];
}

/**
 * @param {string} study its id
 * @param {Trial | undefined} trial
 * @param {string} where
 */
function link(study, trial, where) {
  return (
    trial && h("small", { class: "beneath" }, trialLink(study, trial.number, `trial ${trial.number}`, where))
  );
}

/**
 * @param {Results} results
 * @param {string} study its id
 * @param {string} objective
 */
function content(results, study, objective) {
  /** @type {[string, Trial | null][]} */
  const named = [
    ["off_diagonal", results.off_diagonal_best],
    ["argmax", results.argmax_best],
    ["diagonal", results.diagonal_best],
    ...Object.entries(results.baselines),
  ];
  const chosen = named.flatMap(([name, trial]) => (trial ? [{ name, trial }] : []));
  if (!chosen.length) return h("p", { class: "empty" }, nothing(results));
  const fresh = (/** @type {string} */ name) => results.confirmed[name]?.objective;
  const decimals = decimalsFor(
    chosen.flatMap(({ name, trial }) => [trial.objective.mean, fresh(name)?.mean]),
  );
  const tuned = (/** @type {string} */ name) => {
    const trials = results.tuned_with[name];
    return trials === undefined ? "–" : count(trials, "trial");
  };
  return [
    table(
      "methods",
      heads(objective),
      chosen.map(({ name, trial }) => [
        title(name, trial),
        number(trial.tau_f, 6),
        number(trial.tau_b, 6),
        number(trial.lr, 6),
        [score(trial.objective.mean, trial.objective.sem, decimals), link(study, trial, `${name}-search`)],
        [
          score(fresh(name)?.mean, fresh(name)?.sem, decimals),
          link(study, results.confirmed[name], `${name}-fresh`),
        ],
        tuned(name),
      ]),
    ),
    h(
      "p",
      { class: "hint" },
      "Mean ± standard error over seeds. The search column flatters whoever was selected on it; ",
      "the fresh seeds were not used to select.",
    ),
  ];
}

/** @param {Results} results */
function nothing({ state }) {
  return MOVING.has(state) ? "No trial has finished yet." : "No trial has succeeded.";
}

/**
 * @param {string} name
 * @param {Trial} trial
 */
function title(name, { variant }) {
  const scheduled = (variant?.schedule?.length ?? 0) > 1;
  const chosen = settingsText(variant?.optimizer ?? {});
  return [
    capital(fullMethodName(name)),
    scheduled && h("small", { class: "beneath" }, "scheduled; here is how it began"),
    chosen.length > 0 && h("small", { class: "beneath" }, chosen.join(", ")),
  ];
}
