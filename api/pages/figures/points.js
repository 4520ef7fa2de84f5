// @ts-check
/** The points of a search in the plane of the two temperatures, and what each says of itself. */

import { number, score } from "../shared/format.js";

/** @import { BriefTrial, Direction, Results, Study, Trial } from "../shared/types.js" */

/** @typedef {BriefTrial & {tau_f: number, tau_b: number, running: boolean}} Point */
/**
 * Which pairs are marked: the optimum of the search, and the best of it on the diagonal (`rival` is that
 * trial).
 * @typedef {{optimum: string | null, diagonal: string | null, rival: Trial | null}} Marks
 */

/**
 * A pair of temperatures as a key.
 * @param {number} tauF
 * @param {number} tauB
 */
export function pairKey(tauF, tauB) {
  return `${tauF} ${tauB}`;
}

/**
 * The points of a search: of each pair of temperatures its best learning rate so far. A pair is running
 * while one of its trials is; then its mean is that of the last report.
 * @param {BriefTrial[]} trials
 * @param {Direction} direction
 * @returns {Point[]}
 */
export function points(trials, direction) {
  const better = (/** @type {number} */ a, /** @type {number} */ b) =>
    direction === "minimize" ? a < b : a > b;
  /** @type {Map<string, Point>} */
  const pairs = new Map();
  for (const trial of trials) {
    const { role, estimator, tau_f, tau_b, mean } = trial;
    if (role !== "search" || estimator !== "decoupled" || tau_f === null || tau_b === null) continue;
    const running = trial.state === "running" || trial.state === "queued";
    const before = pairs.get(pairKey(tau_f, tau_b));
    const first = !before || (mean !== null && (before.mean === null || better(mean, before.mean)));
    const best = first ? { ...trial, tau_f, tau_b } : before;
    pairs.set(pairKey(tau_f, tau_b), {
      ...best,
      running: running || Boolean(before?.running),
    });
  }
  return [...pairs.values()];
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
 * @param {number} decimals
 * @param {Marks} marks
 */
export function describe(point, f, b, study, decimals, marks) {
  const lines = [`τf ${number(f, 6)}, τb ${number(b, 6)}`];
  if (!point) lines.push("not run");
  else if (point.mean === null) {
    lines.push(point.running ? "no value yet" : `${point.state}: ${point.reason ?? "no finite value"}`);
  } else {
    lines.push(`${study.objective.label} ${score(point.mean, point.sem, decimals)}`);
    if (study.spec.learning_rates.length > 1) lines.push(`learning rate ${number(point.lr, 6)}`);
    if (point.running) lines.push(study.state === "running" ? "still training" : "not finished");
  }
  if (f === b) lines.push("on the diagonal");
  const mark = markAt(pairKey(f, b), marks);
  if (mark) lines.push(mark === "optimum" ? "the optimum" : "the best on the diagonal");
  return lines;
}
