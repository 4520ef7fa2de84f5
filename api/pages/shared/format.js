// @ts-check
/** Numbers, times and texts as readers see them. */

const MINUS = "−";

/** @typedef {number | null | undefined} Maybe */

/**
 * Up to so many significant digits, without trailing zeros; a dash where there is no number.
 * @param {Maybe} value
 */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? rounded.toExponential() : String(rounded);
  return text.replace(/e\+?/, "e").replaceAll("-", MINUS);
}

/**
 * A fixed number of decimals, so that numbers below each other align.
 * @param {Maybe} value
 * @param {number} decimals
 */
export function fixed(value, decimals) {
  return value === null || value === undefined ? "–" : value.toFixed(decimals).replace("-", MINUS);
}

/**
 * How many decimals show so many significant digits of a typical one among the values.
 * @param {Maybe[]} values
 */
export function decimalsFor(values, digits = 4) {
  const sizes = values.filter(isNumber).map(Math.abs).sort(ascending);
  const typical = sizes[Math.floor(sizes.length / 2)] || 1;
  return Math.max(0, Math.min(6, digits - 1 - Math.floor(Math.log10(typical))));
}

/**
 * Whether there is a number, and a finite one.
 * @param {unknown} value
 * @returns {value is number}
 */
export function isNumber(value) {
  return Number.isFinite(value);
}

/**
 * The order of numbers, for sort().
 * @param {number} a
 * @param {number} b
 */
export function ascending(a, b) {
  return a - b;
}

/**
 * Mean ± standard error.
 * @param {Maybe} mean
 * @param {Maybe} sem
 * @param {number} decimals
 */
export function score(mean, sem, decimals) {
  if (!isNumber(mean)) return "–";
  return fixed(mean, decimals) + (isNumber(sem) ? ` ± ${fixed(sem, decimals)}` : "");
}

/**
 * An interval as "0.01 to 0.05".
 * @param {readonly number[] | null | undefined} ends
 * @param {number} decimals
 */
export function span(ends, decimals) {
  return ends ? `${fixed(ends[0], decimals)} to ${fixed(ends[1], decimals)}` : "–";
}

/**
 * "1 trial", "1,000 trials".
 * @param {number} n
 * @param {string} one
 */
export function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/**
 * A length of time in one or two units.
 * @param {number} seconds
 */
export function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s % 60 && s < 600 ? ` ${s % 60} s` : ""}`;
  if (s < 86400)
    return `${Math.floor(s / 3600)} h${s % 3600 >= 60 ? ` ${Math.floor((s % 3600) / 60)} min` : ""}`;
  const hours = Math.floor((s % 86400) / 3600);
  return `${count(Math.floor(s / 86400), "day")}${hours ? ` ${hours} h` : ""}`;
}

/**
 * How long ago, or the date where that is longer than a week.
 * @param {string} iso
 */
export function ago(iso, now = Date.now()) {
  const seconds = (now - Date.parse(iso)) / 1000;
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 7 * 86400) return `${count(Math.round(seconds / 86400), "day")} ago`;
  return iso.slice(0, 10);
}

/**
 * A date and time, in the reader's zone.
 * @param {string} iso
 */
export function moment(iso) {
  return new Date(iso).toLocaleString("en-GB", {
    dateStyle: "medium",
    timeStyle: "short",
  });
}

/**
 * The first letter in upper case.
 * @param {string} text
 */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * A sentence of the API's as the page shows it: capital first, one full stop last.
 * @param {string} text
 */
export function sentence(text) {
  return capital(text.trim()).replace(/[.!?]?$/, (end) => end || ".");
}

/**
 * A share in percent, without digits that mean nothing.
 * @param {number} share
 */
export function shareText(share) {
  const percent = 100 * share;
  if (percent > 0 && percent < 0.05) return "< 0.1 %";
  return `${percent < 9.95 ? Math.round(10 * percent) / 10 : Math.round(percent)} %`;
}

/**
 * The temperatures of a text of the API's as the page writes them.
 * @param {string} text
 */
export function spelled(text) {
  return text.replaceAll(/\btau_([fb])\b/g, "τ$1");
}

/**
 * What a search chose of the optimiser's fields: "weight decay 0.01", "betas 0.9, 0.99".
 * @param {{ [field: string]: number | null | number[] }} settings
 */
export function settingsText(settings) {
  const text = (/** @type {number | null | number[]} */ value) =>
    Array.isArray(value)
      ? value.map((x) => number(x, 6)).join(", ")
      : value === null
        ? "none"
        : number(value, 6);
  return Object.entries(settings).map(([name, value]) => `${name.replaceAll("_", " ")} ${text(value)}`);
}
