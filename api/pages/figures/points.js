// @ts-check
/** The points of a search in the plane of the two temperatures, and what each says of itself. */

import { number, score } from "../shared/format.js";

/** @import { BriefTrial, BriefTrials, Direction, Results, Study, Trial } from "../shared/types.js" */

/**
 * A pair of temperatures: `mean` and `sem` are what is compared, `last` what the trial last reported. `kind` says what
 * has become of it: trained to the end, under way with a value or without one, dropped by the strategy, without any
 * finite value, or not run.
 * @typedef {object} Point
 * @property {number} tau_f
 * @property {number} tau_b
 * @property {number | null} mean
 * @property {number | null} sem
 * @property {BriefTrial} last
 * @property {"done" | "partial" | "waiting" | "dropped" | "void"} kind
 */
/**
 * Which pairs are marked: the optimum of the search, and the best of it on the diagonal (`best` and `rival` are the
 * trials).
 * @typedef {{optimum: string | null, diagonal: string | null, best: Trial | null, rival: Trial | null}} Marks
 */

/**
 * A pair of temperatures as a key.
 * @param {number} tauF
 * @param {number} tauB
 */
export function pairKey(tauF, tauB) {
  return `${tauF} ${tauB}`;
}

const UNDER_WAY = new Set(["running", "queued"]);

/**
 * The points of a search: of each pair of temperatures its best learning rate so far. While trials are under way they
 * are compared at one epoch, that all of them have reached: the colours would show who is further otherwise.
 * @param {BriefTrials} trials
 * @param {Direction} direction
 * @returns {Point[]}
 */
export function points({ items, compared_at: at = null }, direction) {
  const better = (/** @type {number} */ a, /** @type {number} */ b) =>
    direction === "minimize" ? a < b : a > b;
  /** @type {Map<string, Point>} */
  const pairs = new Map();
  /** @type {Set<string>} */
  const underWay = new Set();
  for (const trial of items) {
    const { role, estimator, tau_f, tau_b } = trial;
    if (role !== "search" || estimator !== "decoupled" || tau_f === null || tau_b === null) continue;
    const key = pairKey(tau_f, tau_b);
    if (UNDER_WAY.has(trial.state)) underWay.add(key);
    const dropped = trial.state === "stopped" && at === null;
    const { mean = null, sem = null } = (at === null ? !dropped && trial : trial.compared) || {};
    const before = pairs.get(key);
    if (before && (mean === null || (before.mean !== null && !better(mean, before.mean)))) continue;
    pairs.set(key, { tau_f, tau_b, mean, sem, last: trial, kind: "done" });
  }
  return [...pairs].map(([key, point]) => ({ ...point, kind: kindOf(point, underWay.has(key)) }));
}

/**
 * @param {Point} point
 * @param {boolean} underWay
 * @returns {Point["kind"]}
 */
function kindOf({ mean, last }, underWay) {
  if (underWay) return mean === null ? "waiting" : "partial";
  if (mean !== null) return last.state === "stopped" ? "partial" : "done";
  return last.state === "stopped" ? "dropped" : "void";
}

/**
 * @param {Results | null} results
 * @returns {Marks}
 */
export function marksOf(results) {
  const place = (/** @type {Trial | null | undefined} */ trial) =>
    trial && trial.tau_f !== null ? pairKey(trial.tau_f, trial.tau_b ?? trial.tau_f) : null;
  return {
    optimum: place(results?.best),
    diagonal: place(results?.diagonal_best),
    best: results?.best ?? null,
    rival: results?.diagonal_best ?? null,
  };
}

/**
 * @param {string} pair
 * @param {Marks} marks
 * @returns {"optimum" | "rival" | ""}
 */
export function markAt(pair, marks) {
  return pair === marks.optimum ? "optimum" : pair === marks.diagonal ? "rival" : "";
}

/**
 * What a pair says of itself, in lines.
 * @param {Point | undefined} point
 * @param {number} f
 * @param {number} b
 * @param {Study} study
 * @param {{decimals: number, marks: Marks, at: number | null}} shown `at`: the epoch of the comparison
 */
export function describe(point, f, b, { objective, spec }, { decimals, marks, at }) {
  const lines = [`τf ${number(f, 6)}, τb ${number(b, 6)}`];
  if (!point) lines.push("not run");
  else {
    const { mean, sem, last } = point;
    const when = at === null ? "" : ` at epoch ${number(at)}`;
    if (mean !== null) lines.push(`${objective.label} ${score(mean, sem, decimals)}${when}`);
    if (spec.learning_rates.length > 1) lines.push(`learning rate ${number(last.lr, 6)}`);
    const now = becameOf(point, at, decimals);
    if (now) lines.push(now);
  }
  if (f === b) lines.push("on the diagonal");
  const mark = markAt(pairKey(f, b), marks);
  if (mark) lines.push(mark === "optimum" ? "the optimum" : "the best on the diagonal");
  return lines;
}

/**
 * What has become of a trial, where it is not all said by its value.
 * @param {Point} point
 * @param {number | null} at
 * @param {number} decimals
 */
function becameOf({ kind, last, mean }, at, decimals) {
  const value = score(last.mean, last.sem, decimals);
  const epoch = number(last.epoch);
  const reported = last.mean !== null && last.epoch !== at ? `: ${value}` : "";
  if (last.state === "stopped")
    return `${kind === "dropped" ? "dropped" : "stopped"} at epoch ${epoch}${reported}`;
  if (kind === "waiting" && last.mean === null) return "no value yet";
  if (kind === "partial" || kind === "waiting") return `at epoch ${epoch} now${reported}`;
  if (mean === null) return `${last.state}: ${last.reason ?? "no finite value"}`;
  return at !== null && last.epoch !== at ? `at its end: ${value}` : null;
}
