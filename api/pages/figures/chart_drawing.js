// @ts-check
/** The picture of a chart: axes, lines and bands as SVG. */

import { s } from "../shared/dom.js";
import { ascending, decimalsFor, isNumber, number } from "../shared/format.js";
import { linear, ticks, vertical } from "./scale.js";

/** @import { ChartData, Series } from "./chart.js" */

const MARGIN = { left: 52, right: 14, top: 26, bottom: 36 };

/**
 * A picture and what moves its cursor: the places `xs`, where they lie, and the place to start at.
 * @typedef {object} Drawing
 * @property {SVGSVGElement} svg
 * @property {number[]} xs
 * @property {(value: number) => number} x
 * @property {SVGLineElement} cursor
 * @property {number} decimals
 * @property {number} start
 */

/**
 * @param {ChartData} data
 * @param {number} width
 * @param {string} label
 * @returns {Drawing}
 */
export function drawing(data, width, label) {
  const height = Math.round(Math.max(190, Math.min(width * 0.62, 340)));
  const bottom = height - MARGIN.bottom;
  const xs = [...new Set(data.series.flatMap((line) => line.x))].sort(ascending);
  const [first = 0, last = 0] = [xs[0], xs.at(-1)];
  const ends = data.series.flatMap(bandEnds);
  const scale = vertical(ends, height / 50);
  const x = linear(first, last, MARGIN.left, width - MARGIN.right);
  const place = linear(...scale.ends, bottom, MARGIN.top);
  const y = (/** @type {number} */ value) => place(scale.of(value));
  const cursor = s("line", { class: "cursor", y1: MARGIN.top, y2: bottom });
  const horizontals = scale.ticks.map((v) => [
    s("line", {
      x1: MARGIN.left,
      x2: width - MARGIN.right,
      y1: y(v),
      y2: y(v),
    }),
    s("text", { x: MARGIN.left - 8, y: y(v) + 4, "text-anchor": "end" }, number(v, 5)),
  ]);
  const below = ticks(first, last, width / 80).map((v) =>
    s("text", { x: x(v), y: bottom + 17, "text-anchor": "middle" }, number(v, 6)),
  );
  const yLabel = scale.logarithmic ? `${data.yLabel}, logarithmic` : data.yLabel;
  const names = [
    s("text", { x: 0, y: 12 }, yLabel),
    s("text", { x: width - MARGIN.right, y: height - 4, "text-anchor": "end" }, data.xLabel),
  ];
  const svg = s(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "slider",
      tabindex: "0",
      "aria-label": `${label}; arrow keys read the values`,
      "aria-valuemin": first,
      "aria-valuemax": last,
      "aria-valuenow": last,
      "aria-orientation": "horizontal",
    },
    s("g", { class: "axes" }, horizontals, below, names),
    inOrder(data.series).map(([line, i]) => drawLine(line, i, x, y, data.points && !line.level)),
    cursor,
  );
  const start = data.start === undefined ? xs.length - 1 : xs.indexOf(data.start);
  return { svg, xs, x, cursor, decimals: decimalsFor(ends), start };
}

/**
 * The class of a line: one of six looks, or that of one among many.
 * @param {Series} line
 * @param {number} i
 */
export function kindOf({ thin }, i) {
  return thin ? "series-thin" : `series-${i % 6}`;
}

/**
 * The lines with their places; what is thin is drawn first, below the others.
 * @param {Series[]} series
 */
function inOrder(series) {
  const placed = series.map((line, i) => /** @type {[Series, number]} */ ([line, i]));
  return [...placed.filter(([line]) => line.thin), ...placed.filter(([line]) => !line.thin)];
}

/** @param {Series} line */
function bandEnds(line) {
  return line.mean.flatMap((mean, i) => {
    if (!isNumber(mean)) return [];
    const sem = line.sem[i] ?? 0;
    return [mean - sem, mean + sem];
  });
}

/**
 * @param {Series} line
 * @param {number} i
 * @param {(value: number) => number} x
 * @param {(value: number) => number} y
 * @param {boolean} points
 */
function drawLine(line, i, x, y, points) {
  const values = line.x.flatMap((value, k) => {
    const mean = line.mean[k];
    return isNumber(mean) ? [{ x: x(value), mean, sem: line.sem[k] ?? 0 }] : [];
  });
  const path = (/** @type {number[][]} */ list) =>
    list.map((p) => p.map((v) => v.toFixed(1)).join(" ")).join("L");
  const upper = values.map((p) => [p.x, y(p.mean + p.sem)]);
  const lower = values.map((p) => [p.x, y(p.mean - p.sem)]).reverse();
  const middle = values.map((p) => [p.x, y(p.mean)]);
  const marks = points || values.length === 1 ? values : [];
  return s(
    "g",
    { class: kindOf(line, i) },
    values.length > 1 && s("path", { class: "band", d: `M${path([...upper, ...lower])}Z` }),
    values.length > 0 && s("path", { class: "line", d: `M${path(middle)}` }),
    marks.map((p) => s("circle", { class: "point", cx: p.x, cy: y(p.mean), r: 3.5 })),
  );
}
