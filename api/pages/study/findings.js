// @ts-check
/** What the results carry beside the verdict: the test set, a schedule, the rescaling control. */

import { h, put, tau, whenChanged } from "../shared/dom.js";
import { capital, decimalsFor, number, score, span } from "../shared/format.js";
import { fullMethodName, metricTitle } from "../shared/labels.js";
import { table } from "../shared/table.js";
import { gainCells } from "./gains.js";
import { section } from "./part.js";

/** @import { Child, Control, Outcomes, Rate, Results, Segment, Study, TestScore } from "../shared/types.js" */
/** @import { Part } from "./part.js" */

/**
 * A section that is there where the results have something for it.
 * @param {string} title
 * @param {(results: Results, study: Study) => Child} content
 * @returns {Part}
 */
function finding(title, content) {
  const holder = h("div", {});
  const element = section(title, holder);
  const draw = whenChanged((/** @type {Results} */ results, /** @type {Study} */ study) => {
    const found = content(results, study);
    element.hidden = !found;
    put(holder, found);
  });
  return { element, update: ({ results, study }) => draw(results, study) };
}

/** @param {Child} title */
function numeric(title) {
  return { title, numeric: true };
}

/** The test set's metrics of the confirmed trials. */
export function testSet() {
  return finding("Test set", ({ test }, study) => {
    const rows = Object.entries(test);
    if (!rows.length) return null;
    const metrics = [...new Set(rows.flatMap(([, row]) => Object.keys(row)))];
    const column = (/** @type {string} */ metric) => {
      const decimals = decimalsFor(rows.map(([, row]) => row[metric]?.mean));
      return (/** @type {Record<string, TestScore>} */ row) => testCell(row[metric], decimals);
    };
    const columns = metrics.map(column);
    return [
      table(
        "the test set",
        [{ title: "Method" }, ...metrics.map((metric) => numeric(capital(metricTitle(study, metric))))],
        rows.map(([name, row]) => [capital(fullMethodName(name)), ...columns.map((cell) => cell(row))]),
      ),
      h(
        "p",
        { class: "hint" },
        "Mean ± standard error over the fresh seeds, and below it the 95 % confidence interval. ",
        "Nothing was selected by the test set.",
      ),
    ];
  });
}

/** The gain over the diagonal in what else was measured: other metrics, and the test set. */
export function otherGains() {
  return finding("The gain in other measurements", ({ second, test_gain: test }, study) => {
    const rows = Object.entries({ ...second, ...test });
    if (!rows.length) return null;
    return [
      table(
        "the gain in other measurements",
        [{ title: "Measurement" }, numeric("Gain"), numeric("95 % interval"), numeric("p"), numeric("Wins")],
        rows.map(([metric, gain]) => [
          capital(metricTitle(study, metric)),
          ...gainCells(gain, decimalsFor([gain.mean], 3)).slice(0, -1), // nothing is decided by them
        ]),
      ),
      h(
        "p",
        { class: "hint" },
        "Of the best off the diagonal over the best on it, on the fresh seeds; above 0 it is better. ",
        "The verdict rests on the objective alone.",
      ),
    ];
  });
}

/** How many trainings diverged or collapsed, where any did. */
export function outcomes() {
  return finding("Diverged and collapsed trainings", (results) => {
    const rows = Object.entries(results.outcomes);
    const bad = (/** @type {Outcomes} */ o) =>
      o.diverged.count +
      o.search_diverged.count +
      (o.collapsed?.count ?? 0) +
      (o.search_collapsed?.count ?? 0);
    if (!rows.some(([, row]) => bad(row) > 0)) return null;
    const collapse = rows.some(([, row]) => row.collapsed !== null || row.search_collapsed !== null);
    return [
      table(
        "diverged and collapsed trainings",
        [
          { title: "Method" },
          numeric("Diverged, fresh seeds"),
          numeric("Diverged, search"),
          ...(collapse ? [numeric("Collapsed, fresh seeds"), numeric("Collapsed, search")] : []),
        ],
        rows.map(([name, row]) => [
          capital(fullMethodName(name)),
          rate(row.diverged),
          rate(row.search_diverged),
          ...(collapse ? [rate(row.collapsed), rate(row.search_collapsed)] : []),
        ]),
      ),
      h("p", { class: "hint" }, "Below each count its exact 95 % interval."),
    ];
  });
}

/** @param {Rate | null} rate */
function rate(rate) {
  if (!rate || rate.of === 0) return "–";
  const [low = 0, high = 1] = rate.ci95;
  const interval = `${number(100 * low, 2)} to ${number(100 * high, 2)} %`;
  return [`${rate.count} of ${rate.of}`, h("small", { class: "beneath" }, interval)];
}

/**
 * @param {TestScore | undefined} value
 * @param {number} decimals
 */
function testCell(value, decimals) {
  if (!value) return "–";
  const interval = value.ci95 && h("small", { class: "beneath" }, span(value.ci95, decimals));
  return [score(value.mean, value.sem, decimals), interval];
}

/**
 * Temperatures and learning rate from each epoch on.
 * @param {Segment[]} segments
 */
export function scheduleTable(segments) {
  return table(
    "the schedule",
    [{ title: "From epoch" }, numeric(tau("f")), numeric(tau("b")), numeric("Learning rate")],
    segments.map(([from, ...values]) => [
      [h("span", { class: "on-phone" }, "From epoch "), number(from, 6)],
      ...values.map((value) => number(value, 6)),
    ]),
  );
}

/** The temperatures of a best trial that change during its training (population based training). */
export function schedule() {
  return finding("Schedule", ({ best }) => {
    const segments = best?.variant?.schedule ?? [];
    if (!best || !segments.length) return null;
    return [
      scheduleTable(segments),
      h(
        "p",
        { class: "hint" },
        `Of trial ${best.number}, the best of the search. `,
        "The landscape has a trial at the temperatures that it began with.",
      ),
    ];
  });
}

/** The best pair once more at a forward temperature of 1, its logit layer scaled instead. */
export function control() {
  return finding("Rescaling control", ({ control: found }, { objective }) => {
    if (!found) return null;
    return [
      h(
        "p",
        {},
        `Trial ${found.trial} is trial ${found.of} at a forward temperature of 1: `,
        tau("b"),
        ` ${number(found.rho, 4)}, the logit layer times ${number(found.logit_scale, 4)}, `,
        `the same fresh seeds. ${difference(found)}${deviation(found, objective.label)}`,
      ),
      found.meaning.map((sentence) => h("p", { class: "meaning" }, sentence)),
    ];
  });
}

/** @param {Control} control */
function difference({ difference: found, of }) {
  if (!found) return "";
  const ends = found.ci95?.map((end) => number(end, 3));
  const interval = ends ? ` (95 % CI ${ends[0]} to ${ends[1]})` : "";
  return `Its mean gain over trial ${of} is ${number(found.mean, 3)}${interval}. `;
}

/**
 * @param {Control} control
 * @param {string} objective
 */
function deviation({ max_relative_deviation: end, max_relative_deviation_of_curves: curves }, objective) {
  if (end === null) return "";
  const anywhere = curves === null ? "" : `, anywhere on the curves by ${percent(curves)}`;
  return `A seed's final ${objective} deviates by ${percent(end)} at most${anywhere}.`;
}

/** @param {number} share */
function percent(share) {
  return `${number(100 * share, 2)} %`;
}
