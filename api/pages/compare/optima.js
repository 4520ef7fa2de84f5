// @ts-check
/** Where the optima of several studies lie: in the plane of the temperatures, and along what differs between them. */

import { h, onWidth, put, s, tau } from "../shared/dom.js";
import { isNumber, number } from "../shared/format.js";
import { plain } from "../shared/labels.js";
import { chart } from "../figures/chart.js";
import { MARGIN, axes, diagonalLine } from "../figures/plane.js";
import { sampled } from "../figures/scale.js";

/** @import { Compared } from "../shared/types.js" */
/** @typedef {{place: number, name: string, tau_f: number, tau_b: number}} Optimum */

/**
 * The best pair of each study that has one.
 * @param {Compared[]} studies
 * @returns {Optimum[]}
 */
function optimaOf(studies) {
  return studies.flatMap(({ study, results: { best } }, place) =>
    best && best.tau_f !== null && best.tau_b !== null
      ? [{ place, name: study.name, tau_f: best.tau_f, tau_b: best.tau_b }]
      : [],
  );
}

/**
 * The optima in the plane of the two temperatures.
 * @param {Compared[]} studies
 */
export function optimaPlane(studies) {
  const canvas = h("div", { class: "scatter-holder" });
  const optima = optimaOf(studies);
  const said = optima.map(
    ({ name, tau_f, tau_b }) => `${name}: τf ${number(tau_f, 6)}, τb ${number(tau_b, 6)}`,
  );
  onWidth(canvas, (width) => put(canvas, picture(optima, width, said.join("; "))));
  const keys = optima.map(({ place, name, tau_f, tau_b }) =>
    h(
      "li",
      {},
      h("span", { class: `number series-${place % 6}` }, place + 1),
      h("span", { class: "name" }, name),
      h("span", { class: "num" }, `${number(tau_f, 6)}, ${number(tau_b, 6)}`),
    ),
  );
  return h(
    "figure",
    { class: "optima" },
    h(
      "div",
      { class: "plot" },
      h("div", { class: "axis-y", "aria-hidden": "true" }, h("span", {}, "backward temperature ", tau("b"))),
      canvas,
      h("div", { class: "axis-x", "aria-hidden": "true" }, "forward temperature ", tau("f")),
    ),
    h("figcaption", {}, h("ul", { class: "chart-keys" }, keys)),
  );
}

/**
 * @param {Optimum[]} optima
 * @param {number} width
 * @param {string} label
 */
function picture(optima, width, label) {
  const height = Math.min(width * 0.75, 380);
  const { x, y, low, high } = scales(optima, width, height);
  const dots = apart(
    optima.map(({ place, tau_f, tau_b }) => ({ place, cx: x.at(tau_f), cy: y.at(tau_b) })),
  ).map(({ place, cx, cy }) => [
    s("circle", { class: `optimum-dot series-${place % 6}`, cx, cy, r: RADIUS }),
    s("text", { class: "optimum-number", x: cx, y: cy + 4, "text-anchor": "middle" }, place + 1),
  ]);
  const view = { viewBox: `0 0 ${width} ${height}`, width, height };
  return s("svg", { ...view, role: "img", "aria-label": label }, [
    axes(x, y, width, height),
    diagonalLine(x, y, low, high),
    dots,
  ]);
}

const RADIUS = 11;

/**
 * Places that do not cover each other: what would lie on another goes beside it.
 * @param {{place: number, cx: number, cy: number}[]} dots
 */
function apart(dots) {
  /** @type {typeof dots} */
  const placed = [];
  for (const dot of dots) {
    let { cx } = dot;
    while (placed.some((other) => Math.hypot(other.cx - cx, other.cy - dot.cy) < 1.6 * RADIUS))
      cx += 2 * RADIUS;
    placed.push({ ...dot, cx });
  }
  return placed;
}

/**
 * Two axes with the same ends, so that the diagonal is one.
 * @param {Optimum[]} optima
 * @param {number} width
 * @param {number} height
 */
function scales(optima, width, height) {
  const values = optima.flatMap(({ tau_f, tau_b }) => [tau_f, tau_b]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const ends = /** @type {const} */ ([low > 0 ? low / 1.5 : 0, high * 1.5 || 1]);
  return {
    x: sampled(...ends, MARGIN.left + RADIUS, width - MARGIN.right, 44),
    y: sampled(...ends, height - MARGIN.bottom - RADIUS, MARGIN.top, 26),
    low: ends[0],
    high: ends[1],
  };
}

/**
 * The best temperatures along the one number that differs between the studies.
 * @param {Compared[]} studies
 * @param {{field: string, values: number[]}} along
 */
export function optimaAlong(studies, { field, values }) {
  const order = values.map((value, i) => ({ value, best: studies[i]?.results.best }));
  order.sort((a, b) => a.value - b.value);
  const x = order.map(({ value }) => value);
  const line = (/** @type {string} */ label, /** @type {"tau_f" | "tau_b"} */ key) => ({
    label,
    x,
    mean: order.map(({ best }) => (isNumber(best?.[key]) ? best[key] : null)),
    sem: x.map(() => null),
  });
  const name = plain(field.split(".").at(-1) ?? field);
  const figure = chart(`Optimum over ${name}`);
  const series = [line("Best τf", "tau_f"), line("Best τb", "tau_b")];
  figure.update({ series, xLabel: name, xName: name, yLabel: "Temperature", points: true });
  return figure.element;
}
