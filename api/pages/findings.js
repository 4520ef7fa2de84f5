/** What the results carry beside the verdict: the test set, a schedule, the rescaling control. Each fills its section, or hides it. */

import { h, put, tau } from "./dom.js";
import { capital, decimalsFor, fixed, methodName, number, score, words } from "./format.js";

/** The test set's metrics of the confirmed trials: {method: {metric: {mean, sem, ci95}}}. */
export function testSet(section, results) {
  const rows = Object.entries(results.test ?? {});
  section.hidden = rows.length === 0;
  const metrics = [...new Set(rows.flatMap(([, row]) => Object.keys(row)))];
  const decimals = Object.fromEntries(metrics.map((metric) => [metric, decimalsFor(rows.map(([, row]) => row[metric]?.mean))]));
  const cell = (value, places) => h("td", { class: "num" }, value ? score(value.mean, value.sem, places) : "–",
    value?.ci95 && h("small", { class: "beneath" }, `${fixed(value.ci95[0], places)} to ${fixed(value.ci95[1], places)}`));
  put(section.querySelector(".content"),
    table("Table of the test set", ["Method", ...metrics.map((metric) => capital(words(metric.replace(/^test_/, ""))))],
      rows.map(([name, row]) => [capital(methodName(name)), ...metrics.map((metric) => cell(row[metric], decimals[metric]))])),
    h("p", { class: "hint" }, "Mean ± standard error over the fresh seeds, and below it the 95 % confidence interval. Nothing was selected by the test set."));
}

/** The temperatures of a best trial that change during its training (population based training). */
export function schedule(section, results) {
  const segments = results.best?.variant?.schedule ?? [];
  section.hidden = segments.length === 0;
  put(section.querySelector(".content"),
    table("Table of the schedule", ["From epoch", tau("f"), tau("b"), "Learning rate"],
      segments.map((segment) => segment.map((value, i) => (i ? h("td", { class: "num" }, number(value, 6)) : number(value, 6))))),
    h("p", { class: "hint" }, `Of trial ${results.best?.number}, the best of the search. The landscape has a trial at the temperatures that it began with.`));
}

/** The best pair once more at a forward temperature of 1, its logit layer scaled instead. */
export function control(section, results) {
  const found = results.control;
  section.hidden = !found;
  if (!found) return;
  const { mean, ci95 } = found.difference ?? {};
  const objective = words(results.objective.name);
  put(section.querySelector(".content"),
    h("p", {}, `Trial ${found.trial} is trial ${found.of} at a forward temperature of 1: `, tau("b"), ` ${number(found.rho, 4)}, the logit layer times `,
      `${number(found.logit_scale, 4)}, the same fresh seeds. `,
      found.difference && `Its mean gain over trial ${found.of} is ${number(mean, 3)}${ci95 ? ` (95 % CI ${number(ci95[0], 3)} to ${number(ci95[1], 3)})` : ""}. `,
      found.max_relative_deviation !== null && `A seed's final ${objective} deviates by ${percent(found.max_relative_deviation)} at most`,
      found.max_relative_deviation_of_curves !== null && `, anywhere on the curves by ${percent(found.max_relative_deviation_of_curves)}`,
      found.max_relative_deviation !== null && "."),
    found.meaning.map((sentence) => h("p", { class: "meaning" }, sentence)));
}

function percent(share) {
  return `${number(100 * share, 2)} %`;
}

/** Rows whose first cell is their head; the other cells are elements. */
function table(label, heads, rows) {
  return h("div", { class: "wide", role: "region", "aria-label": label, tabindex: "0" }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head, i) => h("th", { scope: "col", class: i > 0 && "num" }, head)))),
    h("tbody", {}, rows.map(([first, ...cells]) => h("tr", {}, h("th", { scope: "row" }, first), cells)))));
}
