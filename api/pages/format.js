/** Numbers, times and states as readers see them. */

const MINUS = "−";

/** Up to so many significant digits, without trailing zeros; a dash where there is no number. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const rounded = Number(value.toPrecision(digits));
  const text = rounded !== 0 && (Math.abs(rounded) < 1e-4 || Math.abs(rounded) >= 1e6) ? rounded.toExponential() : String(rounded);
  return text.replace(/e\+?/, "e").replaceAll("-", MINUS);
}

/** A fixed number of decimals, so that numbers below each other align. */
export function fixed(value, decimals) {
  return value === null || value === undefined ? "–" : value.toFixed(decimals).replace("-", MINUS);
}

/** How many decimals show so many significant digits of a typical one among the values. */
export function decimalsFor(values, digits = 4) {
  const sizes = values.filter((v) => Number.isFinite(v)).map(Math.abs).sort((a, b) => a - b);
  const typical = sizes[Math.floor(sizes.length / 2)] ?? 1;
  return Math.max(0, Math.min(6, digits - 1 - Math.floor(Math.log10(typical || 1))));
}

/** Mean ± standard error. */
export function score(mean, sem, decimals) {
  if (mean === null || mean === undefined) return "–";
  return fixed(mean, decimals) + (sem === null || sem === undefined ? "" : ` ± ${fixed(sem, decimals)}`);
}

export function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

export function duration(seconds) {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s % 60 && s < 600 ? ` ${s % 60} s` : ""}`;
  if (s < 86400) return `${Math.floor(s / 3600)} h${s % 3600 >= 60 ? ` ${Math.floor((s % 3600) / 60)} min` : ""}`;
  return `${count(Math.floor(s / 86400), "day")}${s % 86400 >= 3600 ? ` ${Math.floor((s % 86400) / 3600)} h` : ""}`;
}

/** How long ago, or the date where that is longer than a week. */
export function ago(iso, now = Date.now()) {
  const seconds = (now - Date.parse(iso)) / 1000;
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 7 * 86400) return `${count(Math.round(seconds / 86400), "day")} ago`;
  return iso.slice(0, 10);
}

export function moment(iso) {
  return new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** The first letter in upper case. */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A sentence of the API's as the page shows it: capital first, one full stop last. */
export function sentence(text) {
  return capital(text.trim()).replace(/[.!?]?$/, (end) => end || ".");
}

/** val_loss as "val loss". */
export function words(name) {
  return name.replaceAll("_", " ");
}

const METHODS = { off_diagonal: "off the diagonal", diagonal: "on the diagonal" };
const ESTIMATORS = {
  decoupled: "decoupled ST",
  softmax: "softmax ST",
  gumbel: "Gumbel-softmax ST",
  identity: "identity ST",
  reinmax: "ReinMax",
  gumbel_rao: "Gumbel-Rao",
  gst: "GST-1.0",
  soft: "no discretisation",
};

/** A method's name in results: of decoupled ST's two, or a baseline's estimator. */
export function methodName(key) {
  return METHODS[key] ?? ESTIMATORS[key] ?? words(key);
}
