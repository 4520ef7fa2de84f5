// @ts-check
/**
 * The objective over the two temperatures: a coloured table where the search is a grid, points where it is
 * not.
 */

import { h, put, tau } from "../shared/dom.js";
import { ascending, decimalsFor, fixed, number } from "../shared/format.js";
import { trialAddress } from "../shared/links.js";
import { grid } from "./grid.js";
import { describe, marksOf, points } from "./points.js";
import { GRADIENT, colourScale } from "./scale.js";
import { scatter } from "./scatter.js";

/** @import { BriefTrials, Numbers, Results, Study, Trial, Values } from "../shared/types.js" */
/** @import { Marks, Point } from "./points.js" */
/** @import { ColourScale } from "./scale.js" */

/**
 * What a landscape shows.
 * @typedef {object} Shown
 * @property {Point[]} found
 * @property {Study} study
 * @property {ColourScale} scale
 * @property {number} decimals
 * @property {Marks} marks
 * @property {number | null} at the epoch of the comparison; null where trials are compared at their ends
 * @property {(point: Point | undefined, f: number, b: number) => string[]} say
 * @property {(point: Point) => void} open
 */

/**
 * The values of a temperature that a search will visit, or null where it chooses them itself.
 * @param {Values | undefined} given
 * @returns {number[] | null}
 */
function planned(given) {
  if (typeof given === "number") return [given];
  if (Array.isArray(given)) return given.map(Number);
  if (!given || !given.step) return null;
  const { low, high, step } = given;
  const steps = Math.floor((high - low) / step + 1e-9);
  return Array.from({ length: steps + 1 }, (_, i) => Number((low + i * step).toFixed(10)));
}

/** @param {number[]} values */
const distinct = (values) => [...new Set(values)].sort(ascending);

/**
 * Makes the figure. `update` draws what is known; `results` may be null, and `values` are those that the scale of
 * colours is made of where other landscapes share it.
 */
export function landscape() {
  const plot = h("div", { class: "plot" });
  const legend = h("figcaption", { class: "legend" });
  const element = h("figure", { class: "landscape" }, plot, legend);
  /** @type {{axes: string, update: (now: Shown) => void} | null} */
  let drawn = null;

  /**
   * @param {Study} study
   * @param {BriefTrials} trials
   * @param {Results | null} results
   * @param {Numbers} [values]
   */
  function update(study, trials, results, values) {
    const { search } = study.spec;
    const found = points(trials, study.objective.direction);
    const means = found.map((p) => p.mean);
    const decimals = decimalsFor(means);
    const marks = marksOf(results);
    const at = trials.compared_at ?? null;
    const [forward, backward] = [planned(search.tau_f), planned(search.tau_b)];
    const free = forward === null || backward === null;
    const tauF = distinct([...(forward ?? []), ...found.map((p) => p.tau_f)]);
    const start = search.tau_b_start === undefined ? [] : [search.tau_b_start];
    const tauB = distinct([...(backward ?? []), ...start, ...found.map((p) => p.tau_b)]);
    const axes = free ? "free" : `${tauF} by ${tauB}`;
    if (drawn?.axes !== axes) drawn = { axes, update: free ? scatter(plot) : grid(plot, tauF, tauB) };
    const shown = {
      found,
      study,
      scale: colourScale(values ?? means, study.objective.direction),
      decimals,
      marks,
      at,
      open: (/** @type {Point} */ { last }) => (location.hash = trialAddress(study.id, last.number)),
      say: (/** @type {Point | undefined} */ p, /** @type {number} */ f, /** @type {number} */ b) =>
        describe(p, f, b, study, { decimals, marks, at }),
    };
    drawn.update(shown);
    const cell = (/** @type {Trial} */ { tau_f: f, tau_b: b }) =>
      free || (tauF.includes(f ?? NaN) && tauB.includes(b ?? f ?? NaN));
    put(legend, legendOf(shown, free, cell));
  }

  return { element, update };
}

// --- the legend ---

/**
 * @param {Shown} shown
 * @param {boolean} free
 * @param {(trial: Trial) => boolean} cell whether the figure has a place for a trial
 */
function legendOf({ study, found, scale, decimals, marks, at }, free, cell) {
  const lower = study.objective.direction === "minimize";
  const past = scale.clipped ? (lower ? "≥ " : "≤ ") : "";
  const bar = h("span", {
    class: "gradient",
    "aria-hidden": "true",
    css: { background: GRADIENT },
  });
  const diagonal = h("span", {}, "diagonal ", tau("f"), " = ", tau("b"));
  const when =
    at === null
      ? ""
      : ` at epoch ${number(at)}${study.state === "cancelled" ? ", which all have reached" : ", which all under way have reached"}`;
  const seen = (/** @type {Point["kind"]} */ kind) => found.some((p) => p.kind === kind);
  return [
    scale.good !== null &&
      h(
        "span",
        { class: "scale" },
        h("span", {}, `${study.objective.title}${when}; ${lower ? "lower" : "higher"} is better`),
        h("span", { class: "ends" }, fixed(scale.good, decimals), bar, past + fixed(scale.bad, decimals)),
      ),
    h(
      "span",
      { class: "keys" },
      marks.best && marked("optimum", "optimum", marks.best, cell(marks.best)),
      marks.rival && marked("rival", "best on the diagonal", marks.rival, cell(marks.rival)),
      key(free ? "line-swatch" : "diagonal", diagonal),
      seen("partial") && key("partial", study.state === "running" ? "training" : "not trained to the end"),
      seen("waiting") && key("waiting", "no value yet"),
      seen("dropped") && key("dropped", "dropped before the end"),
      seen("void") && key("void", "no value: failed or diverged"),
    ),
  ];
}

/**
 * What a mark means; of a trial between the cells, which extension and refinement try, where it lies.
 * @param {string} swatch
 * @param {string} text
 * @param {Trial} trial
 * @param {boolean} drawn
 */
function marked(swatch, text, { tau_f, tau_b }, drawn) {
  if (drawn) return key(swatch, text);
  const place = [tau("f"), ` ${number(tau_f, 6)}, `, tau("b"), ` ${number(tau_b ?? tau_f, 6)}`];
  return h("span", { class: "key" }, `${text}, between the cells: `, place);
}

/**
 * @param {string} swatch
 * @param {string | Node} text
 */
function key(swatch, text) {
  return h("span", { class: "key" }, h("span", { class: `swatch ${swatch}`, "aria-hidden": "true" }), text);
}
