// @ts-check
/** From values to colours and positions. */

import { ascending, isNumber } from "../shared/format.js";

/** @import { Direction, Numbers } from "../shared/types.js" */

/** @typedef {readonly [number, number, number]} Rgb */

// Viridis: even steps look even, also to the colour-blind and in grey. The report's figures use it, too; good
// is dark.
/** @type {Rgb[]} */
const VIRIDIS = [
  [68, 1, 84],
  [72, 24, 106],
  [71, 45, 123],
  [66, 64, 134],
  [59, 82, 139],
  [51, 99, 141],
  [44, 114, 142],
  [38, 130, 142],
  [33, 145, 140],
  [31, 160, 136],
  [40, 174, 128],
  [63, 188, 115],
  [94, 201, 98],
  [132, 212, 75],
  [173, 220, 48],
  [216, 226, 25],
  [253, 231, 37],
];
const FIRST = VIRIDIS[0] ?? [0, 0, 0];

/**
 * A colour of the map, 0 to 1.
 * @param {number} share
 * @returns {Rgb}
 */
function viridis(share) {
  const at = Math.max(0, Math.min(1, share)) * (VIRIDIS.length - 1);
  const below = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const [from, to] = [VIRIDIS[below] ?? FIRST, VIRIDIS[below + 1] ?? FIRST];
  const mixed = (/** @type {0 | 1 | 2} */ i) => Math.round(from[i] + (to[i] - from[i]) * (at - below));
  return [mixed(0), mixed(1), mixed(2)];
}

/**
 * WCAG's relative luminance, 0 to 1.
 * @param {Rgb} rgb
 */
export function luminance(rgb) {
  const linear = (/** @type {number} */ v) =>
    v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  return 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
}

const COLOURS = VIRIDIS.map((rgb) => `rgb(${rgb.join(" ")})`);
/** The scale's colours from good to bad, as a gradient. */
export const GRADIENT = `linear-gradient(to right, ${COLOURS.join(", ")})`;

/**
 * From values to colours: `good` and `bad` are the values at the ends, null without any value; `ink` is
 * black or white, what can be read better on the colour.
 * @typedef {object} ColourScale
 * @property {number | null} good
 * @property {number | null} bad
 * @property {boolean} clipped whether values lie beyond `bad`
 * @property {(value: number) => string} colour
 * @property {(value: number) => string} ink
 */

/**
 * A colour scale over values. One bad corner of a grid would take the whole scale, so it ends at the worst
 * tenth.
 * @param {Numbers} values
 * @param {Direction} direction
 * @returns {ColourScale}
 */
export function colourScale(values, direction) {
  const sorted = values.filter(isNumber).sort(ascending);
  const [best, worst, tenth] = direction === "minimize" ? [0, 1, 0.9] : [1, 0, 0.1];
  const [good, bad, end] = [quantile(sorted, best), quantile(sorted, tenth), quantile(sorted, worst)];
  const share = (/** @type {number} */ value) =>
    good === null || bad === null || bad === good ? 0 : (value - good) / (bad - good);
  return {
    good,
    bad,
    clipped: bad !== end,
    colour: (value) => `rgb(${viridis(share(value)).join(" ")})`,
    ink: (value) => (luminance(viridis(share(value))) > 0.179 ? "#000" : "#fff"),
  };
}

/**
 * @param {number[]} sorted
 * @param {number} share
 */
function quantile(sorted, share) {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)];
  if (below === undefined) return null;
  return below + (at % 1) * ((sorted[Math.floor(at) + 1] ?? below) - below);
}

/**
 * Round numbers within low..high, about `wanted` of them.
 * @param {number} low
 * @param {number} high
 * @param {number} wanted
 */
export function ticks(low, high, wanted) {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((m) => m * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/**
 * Maps low..high to from..to.
 * @param {number} low
 * @param {number} high
 * @param {number} from
 * @param {number} to
 */
export function linear(low, high, from, to) {
  const factor = high === low ? 0 : (to - from) / (high - low);
  return (/** @type {number} */ value) => from + (value - low) * factor;
}

/** 1, 2 and 5 of every power of ten that a figure may show. */
export const DECADES = Array.from({ length: 13 }, (_, i) => 10 ** (i - 6)).flatMap((power) =>
  [1, 2, 5].map((m) => Number((m * power).toPrecision(1))),
);

/**
 * An axis as searches between bounds sample it: by the logarithm, or by the square root where it begins at
 * 0. The ticks are `gap` apart at least.
 * @param {number} low
 * @param {number} high
 * @param {number} from
 * @param {number} to
 * @param {number} gap
 */
export function sampled(low, high, from, to, gap) {
  const of = low > 0 ? Math.log10 : (/** @type {number} */ value) => Math.sqrt(Math.max(0, value));
  const place = linear(of(low), of(high), from, to);
  const at = (/** @type {number} */ value) => place(of(value));
  const marks = low > 0 ? [] : [0];
  for (const value of DECADES.filter((v) => v >= low && v <= high).reverse()) {
    if (marks.every((mark) => Math.abs(at(value) - at(mark)) >= gap)) marks.push(value);
  }
  return { at, ticks: marks.length ? marks : [low] };
}

/**
 * The vertical axis of a chart: logarithmic where the first epochs would press the rest of a curve flat.
 * @param {number[]} values
 * @param {number} wanted ticks
 */
export function vertical(values, wanted) {
  const [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  const logarithmic = low > 0 && high / low > LOGARITHMIC_FROM;
  const of = logarithmic ? Math.log10 : (/** @type {number} */ value) => value;
  const room = (of(high) - of(low)) * 0.05 || Math.abs(high) * 0.05 || 0.05;
  const [bottom, top] = [of(low) - room, of(high) + room];
  const inside = (/** @type {number} */ value) => of(value) >= bottom && of(value) <= top;
  return {
    logarithmic,
    of,
    ends: /** @type {const} */ ([bottom, top]),
    ticks: logarithmic ? DECADES.filter(inside) : ticks(bottom, top, wanted),
  };
}

const LOGARITHMIC_FROM = 5; // the largest value over the smallest
