/** From values to colours and positions. */

// Viridis: even steps look even, also to the colour-blind and in grey. The report's figures use it, too; good is dark.
const VIRIDIS = [
  "#440154", "#48186a", "#472d7b", "#424086", "#3b528b", "#33638d", "#2c728e", "#26828e", "#21918c",
  "#1fa088", "#28ae80", "#3fbc73", "#5ec962", "#84d44b", "#addc30", "#d8e219", "#fde725",
].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));

function viridis(share) {
  const at = Math.max(0, Math.min(1, share)) * (VIRIDIS.length - 1);
  const below = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return VIRIDIS[below].map((from, i) => Math.round(from + (VIRIDIS[below + 1][i] - from) * (at - below)));
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** The scale's colours from good to bad, as a gradient. */
export const GRADIENT = `linear-gradient(to right, ${VIRIDIS.map((rgb) => `rgb(${rgb.join(" ")})`).join(", ")})`;

/**
 * A colour scale over values: {good, bad, clipped, colour(value), ink(value)}.
 *
 * One bad corner of a grid would take the whole scale, so it ends at the worst tenth; `clipped` says whether values lie beyond.
 */
export function colourScale(values, direction) {
  const sorted = values.filter((v) => Number.isFinite(v)).sort((a, b) => a - b);
  const [best, worst, tenth] = direction === "minimize" ? [0, 1, 0.9] : [1, 0, 0.1];
  const [good, bad, end] = [best, tenth, worst].map((share) => quantile(sorted, share));
  const share = (value) => (bad === good ? 0 : (value - good) / (bad - good));
  return {
    good,
    bad,
    clipped: bad !== end,
    colour: (value) => `rgb(${viridis(share(value)).join(" ")})`,
    ink: (value) => (luminance(viridis(share(value))) > 0.179 ? "#000" : "#fff"), // the one with more contrast
  };
}

function quantile(sorted, share) {
  if (!sorted.length) return null;
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below] + (at - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}

/** Round numbers within low..high, about `wanted` of them. */
export function ticks(low, high, wanted) {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((size) => size >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Maps low..high to from..to. */
export function linear(low, high, from, to) {
  const factor = high === low ? 0 : (to - from) / (high - low);
  return (value) => from + (value - low) * factor;
}

/** 1, 2 and 5 of every power of ten that a figure may show. */
export const DECADES = Array.from({ length: 13 }, (_, i) => 10 ** (i - 6)).flatMap((power) => [1, 2, 5].map((m) => Number((m * power).toPrecision(1))));

/**
 * An axis as searches between bounds sample it: by the logarithm, or by the square root where it begins at 0. {at(value), ticks};
 * the ticks are `gap` apart at least.
 */
export function sampled(low, high, from, to, gap) {
  const of = low > 0 ? Math.log10 : (value) => Math.sqrt(Math.max(0, value));
  const place = linear(of(low), of(high), from, to);
  const at = (value) => place(of(value));
  const clear = (value, others) => others.every((other) => Math.abs(at(value) - at(other)) >= gap);
  const found = low > 0 ? [] : [0];
  for (const value of DECADES.filter((v) => v >= low && v <= high).reverse()) if (clear(value, found)) found.push(value);
  return { at, ticks: found.length ? found : [low] };
}
