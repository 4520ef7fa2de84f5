// @ts-check
/** The figures of a study: its landscape, its learning curves, and lines along one temperature. */

import { h, put, whenChanged } from "../shared/dom.js";
import { count, number } from "../shared/format.js";
import { chart } from "../figures/chart.js";
import { landscape } from "../figures/landscape.js";
import { curveData, marginalData, stageData } from "../figures/series.js";
import { section } from "./part.js";

/** @import { BriefTrials, Curves, Known, Results, Study } from "../shared/types.js" */
/** @import { ChartData } from "../figures/chart.js" */
/** @import { Part } from "./part.js" */

/**
 * The landscape, and beside it the curves where there are any.
 * @returns {Part}
 */
export function figures() {
  const plane = landscape();
  const cut = cutNote();
  const curves = chart("Learning curves");
  const about = h("p", { class: "hint" });
  const beside = section("Learning curves", about, curves.element);
  const drawPlane = whenChanged(
    (/** @type {Study} */ study, /** @type {BriefTrials} */ trials, /** @type {Results} */ results) => {
      plane.update(study, trials, results);
      cut.update(trials);
    },
  );
  const drawCurves = whenChanged((/** @type {Curves} */ found, /** @type {Study} */ study) => {
    const data = curveData(found, study);
    put(about, aboutCurves(found, study));
    beside.classList.toggle("nothing", data.series.length === 0);
    if (data.series.length) curves.update(data);
  });
  return {
    element: h("div", { class: "columns figures" }, section("Landscape", plane.element, cut.element), beside),
    update({ study, trials, results, curves: found }) {
      drawPlane(study, trials, results);
      drawCurves(found, study);
    },
  };
}

/**
 * Which trials and seeds the curves are of, and how far they go.
 * @param {Curves} found
 * @param {Study} study
 */
function aboutCurves({ curves }, { state, spec }) {
  const seeds = curves[0]?.seeds.length ?? 0;
  const last = Math.max(0, ...curves.map(({ epoch }) => epoch.at(-1) ?? 0));
  const of = `The best trial of each method, mean over the ${count(seeds, "seed")} of the search`;
  const band = seeds > 1 ? "; band: standard error" : "";
  const early = last > 0 && last < (spec.epochs ?? Infinity);
  const stopped = state === "cancelled" && early ? ` The study was stopped at epoch ${number(last)}.` : "";
  return `${of}${band}.${stopped}`;
}

/** The two stages of a sequential search. */
export function stages() {
  return pair("Stages", ["First stage", "Second stage"], ({ results, study }) =>
    stageData(results, study.objective),
  );
}

/** The objective along each temperature. */
export function marginals() {
  return pair(
    "One temperature at a time",
    ["Forward temperature", "Backward temperature"],
    ({ results, study }) => marginalData(results, study.spec, study.objective),
  );
}

/**
 * Two charts side by side, or none.
 * @param {string} title
 * @param {string[]} labels
 * @param {(known: Known) => ChartData[] | null} data
 * @returns {Part}
 */
function pair(title, labels, data) {
  const charts = labels.map((label) => chart(label));
  const columns = h(
    "div",
    { class: "columns" },
    charts.map(({ element }) => element),
  );
  const element = section(title, columns);
  const draw = whenChanged((/** @type {Results} */ _, /** @type {Known} */ known) => {
    const found = data(known);
    element.hidden = found === null;
    found?.forEach((one, i) => charts[i]?.update(one));
  });
  return { element, update: (known) => draw(known.results, known) };
}

/** Says that there are more trials than are shown. */
export function cutNote() {
  const element = h("p", { class: "hint cut", hidden: true });
  return {
    element,
    /** @param {BriefTrials} trials */
    update(trials) {
      const shown = `The first ${count(trials.items.length, "trial")} are shown.`;
      element.hidden = !trials.next;
      put(element, `${shown} The verdict, the methods and results.json are of all of them.`);
    },
  };
}
