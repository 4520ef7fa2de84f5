/** What the charts of a study draw, from what the API says. */

import { capital, methodName, number, words } from "./format.js";

/** Learning curves of the best trial of each method. */
export function curveData(curves, study) {
  // Softmax ST is the diagonal, which has a curve of its own.
  const shown = curves.curves.filter(({ method }, _, all) => method !== "softmax" || !all.some((other) => other.method === "diagonal"));
  const series = shown.map((curve) => ({
    label: [capital(methodName(curve.method)), temperatures(curve)].filter(Boolean).join(", "), x: curve.epoch, mean: curve.mean, sem: curve.sem,
  }));
  return { series, xLabel: "epoch", xName: "epoch", yLabel: capital(words(study.objective.name)), points: false };
}

function temperatures(trial) {
  const named = [["τf", trial.tau_f], ["τb", trial.tau_b]].filter(([, value]) => value !== null);
  return named.map(([name, value]) => `${name} ${number(value, 6)}`).join(", ");
}

/**
 * For each temperature the best value at each of its values, and the line through the optimum; null where there is nothing to
 * see: no such results yet, a search whose every value has a trial of its own, or stages, which show the same.
 */
export function marginalData(results, study) {
  const search = study.spec.search;
  const between = (given) => given?.high !== undefined && given.step === undefined;
  if (!results.marginals || results.stages || between(search.tau_f) || between(search.tau_b)) return null;
  return [["tau_f", "tau_b"], ["tau_b", "tau_f"]].map(([name, other]) => {
    const { best, at_optimum: line } = results.marginals[name];
    const [mine, others] = [name, other].map((key) => `τ${key.slice(-1)}`);
    const lines = [
      { label: `Best ${others} at each ${mine}`, x: best[name], mean: best.mean, sem: best.sem },
      { label: `${others} ${number(line[other], 6)}, the optimum's`, x: line[name], mean: line.mean, sem: line.sem },
    ];
    const start = optimum(best[name], best.mean, results.objective.direction);
    return { series: lines, xLabel: mine, xName: mine, yLabel: capital(words(results.objective.name)), points: true, start };
  });
}

/** Where a list of means is best. */
function optimum(x, mean, direction) {
  const known = mean.filter((value) => value !== null);
  return x[mean.indexOf(direction === "minimize" ? Math.min(...known) : Math.max(...known))];
}

/** The two stages of a sequential search, with the best of each baseline as a level; null for another search. */
export function stageData(results) {
  const stages = results.stages;
  if (!stages || stages.best_tau_f === null) return null;
  const yLabel = capital(words(results.objective.name));
  const stage = ({ mean, sem, ...taus }, name, at) => {
    const x = taus[name];
    const levels = Object.entries(results.baselines).map(([key, { objective }]) => ({
      label: capital(methodName(key)), x, mean: x.map(() => objective.mean), sem: x.map(() => null), level: true,
    }));
    const index = name.slice(-1);
    return {
      series: [{ label: `Decoupled ST, ${at}`, x, mean, sem }, ...levels], xLabel: `τ${index}`, xName: `τ${index}`, yLabel, points: true, start: optimum(x, mean, results.objective.direction),
    };
  };
  return [
    stage(stages.first, "tau_f", `τb ${number(stages.tau_b_start, 6)}`),
    stage(stages.second, "tau_b", `τf ${number(stages.best_tau_f, 6)}`),
  ];
}
