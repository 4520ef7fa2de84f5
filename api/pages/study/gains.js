// @ts-check
/**
 * The gains of the best trial off the diagonal over every rival: numbers, and the intervals as pictures on
 * one scale.
 */

import { h, s } from "../shared/dom.js";
import { capital, decimalsFor, fixed, number, span } from "../shared/format.js";
import { linear } from "../figures/scale.js";
import { methodName } from "../shared/labels.js";
import { table } from "../shared/table.js";

/** @import { Gain, Results } from "../shared/types.js" */

const heads = () => [
  { title: "Rival" },
  { title: "Gain", numeric: true },
  { title: "95 % interval", numeric: true },
  { title: "p", numeric: true },
  { title: "Wins", numeric: true },
  { title: "Decision" },
  { title: h("span", { class: "visually-hidden" }, "Interval as a picture"), label: "", kind: "picture" },
];

/**
 * The table of gains with its explanation; null without any.
 * @param {Results} results
 * @param {string} objective
 */
export function gains(results, objective) {
  const rows = rowsOf(results);
  const [first] = rows;
  if (!first) return null;
  const all = rows.map(([, gain]) => gain);
  const ends = all.flatMap((gain) => gain.ci95 ?? [gain.mean ?? 0]);
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const room = (high - low) * 0.04 || 1;
  const x = linear(low - room, high + room, 0, 200);
  const decimals = decimalsFor(
    all.map((gain) => gain.mean),
    3,
  );
  const shown = table(
    "gains",
    heads(),
    rows.map(([name, gain]) => cellsOf(name, gain, decimals, x)),
    "gains",
  );
  shown.querySelector("table")?.setAttribute("aria-describedby", "gains-note");
  return [explained(objective, first[1], all), shown];
}

/**
 * The gain over the diagonal, then over each baseline; softmax ST only where it is not the diagonal's best.
 * @param {Results} results
 * @returns {[string, Gain][]}
 */
function rowsOf({ gain: main, gains: others }) {
  /** @type {[string, Gain][]} */
  const rows = main ? [["diagonal", main]] : [];
  for (const [name, gain] of Object.entries(others)) {
    if (gain && !(name === "softmax" && main?.against === gain.against)) rows.push([name, gain]);
  }
  return rows;
}

/**
 * @param {string} objective
 * @param {Gain} first
 * @param {Gain[]} all
 */
function explained(objective, { seeds }, all) {
  const fresh = all.every((gain) => gain.confirmed) ? "fresh seeds" : "seeds";
  return h(
    "p",
    { class: "hint gains-note", id: "gains-note" },
    `Gain in ${objective} of the best off the diagonal, paired over ${seeds} ${fresh}; above 0 it is better than the `,
    "rival. Interval and p hold over all looks; p is two-sided, of the paired t-test or, where a training diverged, ",
    "of the wins.",
  );
}

/**
 * @param {string} name
 * @param {Gain} gain
 * @param {number} decimals
 * @param {(value: number) => number} x
 */
function cellsOf(name, gain, decimals, x) {
  return [capital(methodName(name)), ...gainCells(gain, decimals), interval(gain, x)];
}

/**
 * A gain as cells: its mean, interval, p, wins and decision.
 * @param {Gain} gain
 * @param {number} decimals
 */
export function gainCells({ mean, ci95, p_overall, p_value, wins, confirmed, decision }, decimals) {
  const p = p_overall ?? p_value;
  const of = wins ? wins.wins + wins.losses + wins.ties : 0;
  return [
    fixed(mean, decimals),
    span(ci95, decimals),
    p === null ? "–" : chance(p),
    wins && of > 0 ? `${wins.wins} of ${of}` : "–",
    confirmed ? (decision ?? "–") : "not confirmed",
  ];
}

/**
 * A p-value; what is smaller than the test's assumptions can carry is not spelled out.
 * @param {number} p
 */
function chance(p) {
  return p < 1e-12 ? "< 1e−12" : number(p, 2);
}

/**
 * @param {Gain} gain
 * @param {(value: number) => number} x
 */
function interval({ mean, ci95 }, x) {
  if (mean === null) return null;
  const [from = mean, to = mean] = ci95 ?? [];
  const sure = ci95 && (from > 0 || to < 0);
  return s(
    "svg",
    {
      class: `interval ${sure ? "sure" : ""}`,
      viewBox: "0 0 200 16",
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    s("line", { class: "zero", x1: x(0), x2: x(0), y1: 0, y2: 16 }),
    s("line", { class: "range", x1: x(from), x2: x(to), y1: 8, y2: 8 }),
    s("line", { class: "mean", x1: x(mean), x2: x(mean), y1: 3, y2: 13 }),
  );
}
