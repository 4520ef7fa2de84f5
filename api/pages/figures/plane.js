// @ts-check
/** The plane of the two temperatures: its axes, and the diagonal where they are equal. */

import { s } from "../shared/dom.js";
import { number } from "../shared/format.js";
import { sampled } from "./scale.js";

/** @typedef {ReturnType<typeof sampled>} Axis */

export const MARGIN = { left: 44, right: 12, top: 12, bottom: 34 };

/**
 * @param {Axis} x
 * @param {Axis} y
 * @param {number} width
 * @param {number} height
 */
export function axes(x, y, width, height) {
  const [bottom, right] = [height - MARGIN.bottom, width - MARGIN.right];
  const vertical = x.ticks.map((v) => [
    s("line", { x1: x.at(v), x2: x.at(v), y1: MARGIN.top, y2: bottom }),
    s("text", { x: x.at(v), y: bottom + 18, "text-anchor": "middle" }, number(v, 6)),
  ]);
  const horizontal = y.ticks.map((v) => [
    s("line", { x1: MARGIN.left, x2: right, y1: y.at(v), y2: y.at(v) }),
    s("text", { x: MARGIN.left - 8, y: y.at(v) + 4, "text-anchor": "end" }, number(v, 6)),
  ]);
  return s("g", { class: "axes", "aria-hidden": "true" }, vertical, horizontal);
}

/**
 * tau_f = tau_b: a curve, because the two axes need not be alike.
 * @param {Axis} x
 * @param {Axis} y
 * @param {number} from
 * @param {number} to
 */
export function diagonalLine(x, y, from, to) {
  if (!(to > from)) return null;
  // Closer together where the axes are stretched.
  const steps = Array.from({ length: 65 }, (_, i) => from + (to - from) * (i / 64) ** 2);
  const places = steps.map((v) => `${x.at(v).toFixed(1)},${y.at(v).toFixed(1)}`);
  return s("polyline", { class: "diagonal-line", points: places.join(" ") });
}
