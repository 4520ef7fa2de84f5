// @ts-check
/** What the charts of a study draw, from what the API says. */

import { capital, isNumber, number } from "../shared/format.js";
import { methodName } from "../shared/labels.js";
import { trialAddress } from "../shared/links.js";

/** @import { Curves, Direction, EqualBudget, Numbers, Objective, Points, Results, Spec } from "../shared/types.js" */
/** @import { ChartData, Series } from "./chart.js" */

/**
 * Learning curves of the best trial of each method.
 * @param {Curves} curves
 * @param {{id: string, objective: Objective}} study
 * @returns {ChartData}
 */
export function curveData({ curves: all }, { id: study, objective }) {
  // Softmax ST is the diagonal, which has a curve of its own.
  const twice = all.some(({ method }) => method === "diagonal");
  const shown = all.filter(({ method, epoch }) => epoch.length > 0 && !(twice && method === "softmax"));
  const series = shown.map((curve) => ({
    label: [capital(methodName(curve.method)), temperatures(curve)].filter(Boolean).join(", "),
    x: curve.epoch,
    mean: curve.mean,
    sem: curve.sem,
    href: trialAddress(study, curve.trial),
  }));
  return { series, xLabel: "epoch", xName: "epoch", yLabel: capital(objective.title), points: false };
}

/** @param {{tau_f: number | null, tau_b: number | null}} trial */
export function temperatures({ tau_f, tau_b }) {
  return [tau_f !== null && `τf\u00a0${number(tau_f, 6)}`, tau_b !== null && `τb\u00a0${number(tau_b, 6)}`]
    .filter(Boolean)
    .join(", ");
}

/**
 * For each temperature the best value at each of its values, and the line through the optimum. Null where there is
 * nothing to see: no such results yet, fewer than two points of a line, a search whose every value has a trial of its
 * own, or stages, which show the same.
 * @param {Results} results
 * @param {Spec} spec
 * @param {Objective} objective
 * @returns {ChartData[] | null}
 */
export function marginalData({ marginals, stages }, { search }, objective) {
  if (!marginals || stages || between(search.tau_f) || between(search.tau_b)) return null;
  const { tau_f: forward, tau_b: backward } = marginals;
  // Of halving, where most were dropped, a line may be one point.
  if ([forward, backward].some(({ best }) => best.mean.filter(isNumber).length < 2)) return null;
  const through = (/** @type {string} */ tau, /** @type {number} */ value) =>
    `${tau} ${number(value, 6)}, the optimum's`;
  return [
    along("τf", objective, forward.best.mean, [
      seriesOf("Best τb at each τf", forward.best.tau_f, forward.best),
      seriesOf(through("τb", forward.at_optimum.tau_b), forward.at_optimum.tau_f, forward.at_optimum),
    ]),
    along("τb", objective, backward.best.mean, [
      seriesOf("Best τf at each τb", backward.best.tau_b, backward.best),
      seriesOf(through("τf", backward.at_optimum.tau_f), backward.at_optimum.tau_b, backward.at_optimum),
    ]),
  ];
}

/**
 * Whether a search chooses the values itself, between bounds.
 * @param {unknown} given
 */
export function between(given) {
  return typeof given === "object" && given !== null && "high" in given && !("step" in given && given.step);
}

/**
 * @param {string} label
 * @param {number[]} x
 * @param {Points} points
 * @returns {Series}
 */
function seriesOf(label, x, { mean, sem }) {
  return { label, x, mean, sem };
}

/**
 * A chart along one temperature; what it shows at first is where `means`, those of its first line, are best.
 * @param {string} tau
 * @param {Objective} objective
 * @param {Numbers} means
 * @param {Series[]} series
 * @returns {ChartData}
 */
function along(tau, objective, means, series) {
  const start = series[0]?.x[bestPlace(means, objective.direction)];
  return { series, xLabel: tau, xName: tau, yLabel: capital(objective.title), points: true, start };
}

/**
 * The place of the best value; -1 where there is none.
 * @param {Numbers} means
 * @param {Direction} direction
 */
function bestPlace(means, direction) {
  const values = means.filter(isNumber);
  if (!values.length) return -1;
  return means.indexOf(direction === "minimize" ? Math.min(...values) : Math.max(...values));
}

/**
 * The two stages of a sequential search, with the best of each baseline as a level; null for another search.
 * @param {Results} results
 * @param {Objective} objective
 * @returns {ChartData[] | null}
 */
export function stageData({ stages, baselines }, objective) {
  if (!stages || stages.best_tau_f === null) return null;
  const { first, second } = stages;
  const levels = (/** @type {number[]} */ x) =>
    Object.entries(baselines).map(([key, trial]) => ({
      label: capital(methodName(key)),
      x,
      mean: x.map(() => trial.objective.mean),
      sem: x.map(() => null),
      level: true,
    }));
  const stage = (/** @type {string} */ tau, /** @type {number} */ value) =>
    `${capital(methodName("decoupled"))}, ${tau} ${number(value, 6)}`;
  return [
    along("τf", objective, first.mean, [
      seriesOf(stage("τb", stages.tau_b_start), first.tau_f, first),
      ...levels(first.tau_f),
    ]),
    along("τb", objective, second.mean, [
      seriesOf(stage("τf", stages.best_tau_f), second.tau_b, second),
      ...levels(second.tau_b),
    ]),
  ];
}

/**
 * What as many trials off the diagonal and on it find; null where there is one of either at most.
 * @param {EqualBudget | null} found
 * @param {Objective} objective
 * @returns {ChartData | null}
 */
export function budgetData(found, objective) {
  if (!found || found.trials.length < 2) return null;
  const { trials: x, off_diagonal: off, diagonal: on } = found;
  const none = x.map(() => null);
  return {
    series: [
      { label: capital(methodName("off_diagonal")), x, mean: off, sem: none },
      { label: capital(methodName("diagonal")), x, mean: on, sem: none },
    ],
    xLabel: "k",
    xName: "k =",
    yLabel: capital(objective.title),
    points: false,
  };
}
