// @ts-check
/** The curves of a trial: one metric at a time, its mean and every seed. */

import { h, put } from "../shared/dom.js";
import { capital } from "../shared/format.js";
import { metricTitle } from "../shared/labels.js";
import { chart } from "../figures/chart.js";

/** @import { Study, TrialDetail } from "../shared/types.js" */
/** @import { ChartData } from "../figures/chart.js" */

/**
 * A chart with a choice of metrics. `update(trial)` shows it; `show(metric)` chooses.
 * @param {Study} study
 */
export function metricCurves(study) {
  const figure = chart("Curves");
  const choice = h("select", { id: "metric-choice", change: () => draw() });
  const label = h("label", { class: "inline", for: "metric-choice" }, "Metric ", choice);
  const none = h("p", { class: "empty" }, "Nothing has been reported yet.");
  const element = h("div", { class: "metric-curves" }, label, figure.element, none);
  /** @type {TrialDetail | null} */
  let trial = null;
  let offered = "";

  function draw() {
    const curve = trial?.curves.metrics[choice.value];
    if (trial && curve) figure.update(dataOf(trial, choice.value, capital(metricTitle(study, choice.value))));
  }

  return {
    element,
    /** @param {TrialDetail} now */
    update(now) {
      trial = now;
      const names = Object.keys(now.curves.metrics).sort(
        (a, b) => rank(a, study.objective.name) - rank(b, study.objective.name),
      );
      none.hidden = names.length > 0;
      label.hidden = figure.element.hidden = names.length === 0;
      if (names.join(" ") !== offered) {
        const chosen = choice.value;
        put(
          choice,
          names.map((name) => h("option", { value: name }, capital(metricTitle(study, name)))),
        );
        if (names.includes(chosen)) choice.value = chosen;
        offered = names.join(" ");
      }
      draw();
    },
    /** @param {string} metric */
    show(metric) {
      choice.value = metric;
      draw();
      element.scrollIntoView({ block: "nearest" });
      choice.focus({ preventScroll: true });
    },
  };
}

/**
 * The objective comes first.
 * @param {string} name
 * @param {string} objective
 */
function rank(name, objective) {
  return name === objective ? 0 : 1;
}

/**
 * The mean with its band, and below it every seed; of one seed there is the seed alone.
 * @param {TrialDetail} trial
 * @param {string} metric
 * @param {string} yLabel
 * @returns {ChartData}
 */
export function dataOf({ curves, seeds }, metric, yLabel) {
  const { epoch: x, metrics } = curves;
  const curve = metrics[metric] ?? { mean: [], sem: [], seeds: [] };
  const none = x.map(() => null);
  const lines = curve.seeds.map((mean, i) => ({
    label: `Seed ${seeds[i] ?? i}`,
    x,
    mean,
    sem: none,
    thin: true,
  }));
  const mean = { label: "Mean", x, mean: curve.mean, sem: curve.sem };
  const series = lines.length > 1 ? [mean, ...lines] : lines.map((line) => ({ ...line, thin: false }));
  return { series, xLabel: "epoch", xName: "epoch", yLabel, points: x.length === 1 };
}
