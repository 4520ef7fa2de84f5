// @ts-check
/** What the charts of a study draw, from what the API says. */

import { capital, isNumber, number } from "../shared/format.js";
import { methodName, metricName } from "../shared/labels.js";

/** @import { Curves, Direction, Line, Marginal } from "../shared/types.js" */
/** @import { Numbers, Objective, Results, Spec } from "../shared/types.js" */
/** @import { ChartData, Series } from "./chart.js" */

/** @typedef {"tau_f" | "tau_b"} TauName */

/**
 * Learning curves of the best trial of each method.
 * @param {Curves} curves
 * @returns {ChartData}
 */
export function curveData(curves) {
  const all = curves.curves;
  // Softmax ST is the diagonal, which has a curve of its own.
  const twice = all.some(({ method }) => method === "diagonal");
  const shown = all.filter(({ method, epoch }) => epoch.length > 0 && !(twice && method === "softmax"));
  const series = shown.map((curve) => ({
    label: [capital(methodName(curve.method)), temperatures(curve)].filter(Boolean).join(", "),
    x: curve.epoch,
    mean: curve.mean,
    sem: curve.sem,
  }));
  const yLabel = capital(metricName(curves.objective));
  return { series, xLabel: "epoch", xName: "epoch", yLabel, points: false };
}

/** @param {{tau_f: number | null, tau_b: number | null}} trial */
export function temperatures({ tau_f, tau_b }) {
  return [tau_f !== null && `τf ${number(tau_f, 6)}`, tau_b !== null && `τb ${number(tau_b, 6)}`]
    .filter(Boolean)
    .join(", ");
}

/** @param {TauName} name */
const symbol = (name) => `τ${name.slice(-1)}`;

/**
 * For each temperature the best value at each of its values, and the line through the optimum. Null where
 * there is nothing to see: no such results yet, a search whose every value has a trial of its own, or
 * stages, which show the same.
 * @param {Results} results
 * @param {Spec} spec
 * @returns {ChartData[] | null}
 */
export function marginalData(results, { search }) {
  const { marginals, objective } = results;
  if (!marginals || results.stages || between(search.tau_f) || between(search.tau_b)) return null;
  return [
    marginal(marginals.tau_f, "tau_f", "tau_b", objective),
    marginal(marginals.tau_b, "tau_b", "tau_f", objective),
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
 * @param {Marginal} found
 * @param {TauName} name
 * @param {TauName} other
 * @param {Objective} objective
 * @returns {ChartData}
 */
function marginal({ best, at_optimum: line }, name, other, objective) {
  const fixed = line[other];
  const at = Array.isArray(fixed) ? "" : ` ${number(fixed, 6)}`;
  const x = line[name];
  return {
    series: [
      seriesOf(`Best ${symbol(other)} at each ${symbol(name)}`, best, name),
      {
        label: `${symbol(other)}${at}, the optimum's`,
        x: Array.isArray(x) ? x : [x],
        mean: line.mean,
        sem: line.sem,
      },
    ],
    ...axes(name, objective),
    start: optimum(best[name] ?? [], best.mean, objective.direction),
  };
}

/**
 * @param {string} label
 * @param {Line} line
 * @param {TauName} name
 * @returns {Series}
 */
function seriesOf(label, line, name) {
  return { label, x: line[name] ?? [], mean: line.mean, sem: line.sem };
}

/**
 * @param {TauName} name
 * @param {Objective} objective
 */
function axes(name, objective) {
  return {
    xLabel: symbol(name),
    xName: symbol(name),
    yLabel: capital(metricName(objective.name)),
    points: true,
  };
}

/**
 * Where a list of means is best; undefined where there is none.
 * @param {number[]} x
 * @param {Numbers} mean
 * @param {Direction} direction
 */
function optimum(x, mean, direction) {
  const values = mean.filter(isNumber);
  if (!values.length) return undefined;
  return x[mean.indexOf(direction === "minimize" ? Math.min(...values) : Math.max(...values))];
}

/**
 * The two stages of a sequential search, with the best of each baseline as a level; null for another search.
 * @param {Results} results
 * @returns {ChartData[] | null}
 */
export function stageData(results) {
  const { stages, objective } = results;
  if (!stages || stages.best_tau_f === null) return null;
  const stage = (/** @type {Line} */ line, /** @type {TauName} */ name, /** @type {string} */ at) => {
    const x = line[name] ?? [];
    const levels = Object.entries(results.baselines).map(([key, trial]) => ({
      label: capital(methodName(key)),
      x,
      mean: x.map(() => trial.objective.mean),
      sem: x.map(() => null),
      level: true,
    }));
    const mine = seriesOf(`${capital(methodName("decoupled"))}, ${at}`, line, name);
    const start = optimum(x, line.mean, objective.direction);
    return { series: [mine, ...levels], ...axes(name, objective), start };
  };
  return [
    stage(stages.first, "tau_f", `τb ${number(stages.tau_b_start, 6)}`),
    stage(stages.second, "tau_b", `τf ${number(stages.best_tau_f, 6)}`),
  ];
}
