// @ts-check
/**
 * Between what a spec holds and what its fields show. Nothing is checked here: the service says what is
 * wrong.
 */

/**
 * What a user writes: any field may be missing, or hold anything.
 * @typedef {{[field: string]: any}} AnySpec
 */
/** @typedef {"text" | "number" | "values" | "looks" | "pairs" | "norms" | "json"} Kind */

/**
 * A number where the text is one, else the text itself, which the service then names.
 * @param {string} text
 */
function value(text) {
  const trimmed = text.trim();
  return trimmed !== "" && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

const RANGE = /^(\S+)\s*(?:to|–|\.\.)\s*(\S+?)(?:\s*(?:step|by)\s*(\S+))?$/;

/**
 * How a value of each kind is shown, and read again; undefined for an empty field, so that the default holds.
 * `values` are "0, 0.1, 0.5", "0 to 2 step 0.1", and for a search that chooses by itself "0 to 2". `looks` are a number
 * of fresh seeds, or the numbers after which they are looked at: "5, 10, 20", or "5, 10, 20 obrien-fleming". `pairs` are
 * "0.9, 0.999", or several with semicolons between them; of `norms` one may be "none".
 * @type {Record<Kind, {show: (given: any) => string, read: (text: string) => unknown}>}
 */
export const KINDS = {
  text: {
    show: (given) => given ?? "",
    read: (text) => text.trim() || undefined,
  },
  number: {
    show: (given) => (given === undefined || given === null ? "" : String(given)),
    read: (text) => (text.trim() ? value(text) : undefined),
  },
  values: { show: showValues, read: readValues },
  json: { show: showJson, read: readJson },
  looks: { show: showLooks, read: readLooks },
  pairs: { show: showPairs, read: readPairs },
  norms: { show: showNorms, read: readNorms },
};

/** @param {any} given an object; or a word, which stands without quotes */
function showJson(given) {
  if (given === undefined || given === null) return "";
  return typeof given === "object" ? JSON.stringify(given) : String(given);
}

/** @param {string} text */
function readJson(text) {
  const trimmed = text.trim();
  if (!trimmed) return undefined;
  try {
    return JSON.parse(trimmed);
  } catch {
    return trimmed; // the service says what is wrong with it
  }
}

/** @param {any} given */
function showValues(given) {
  if (given === undefined || given === null) return "";
  if (Array.isArray(given)) return given.join(", ");
  if (typeof given !== "object") return String(given);
  return `${given.low} to ${given.high}${given.step === undefined ? "" : ` step ${given.step}`}`;
}

/** @param {string} text */
function readValues(text) {
  const trimmed = text.trim();
  if (!trimmed) return undefined;
  const range = RANGE.exec(trimmed);
  if (!range) {
    return trimmed
      .split(/[\s,;]+/)
      .filter(Boolean)
      .map(value);
  }
  const [, low = "", high = "", step] = range;
  const ends = { low: value(low), high: value(high) };
  return step === undefined ? ends : { ...ends, step: value(step) };
}

const BOUNDARIES = ["constant", "obrien-fleming"];

/** @param {any} given */
function showLooks(given) {
  const looks = showValues(given?.looks ?? given);
  const { boundary = BOUNDARIES[0] } = given ?? {};
  return boundary === BOUNDARIES[0] ? looks : `${looks} ${boundary}`;
}

/** @param {string} text */
function readLooks(text) {
  const values = readValues(text);
  if (!Array.isArray(values)) return values;
  const boundary = values.find((one) => BOUNDARIES.includes(String(one)));
  if (boundary) return { looks: values.filter((one) => one !== boundary), boundary };
  return values.length > 1 ? { looks: values } : values[0];
}

/** @param {any} given a pair, or a list of pairs */
function showPairs(given) {
  if (!Array.isArray(given)) return showValues(given);
  return given.some(Array.isArray) ? given.map(showValues).join("; ") : showValues(given);
}

/** @param {string} text */
function readPairs(text) {
  const pairs = text
    .split(";")
    .map(readValues)
    .filter((pair) => pair !== undefined);
  return pairs.length > 1 ? pairs : pairs[0];
}

const NONE = "none";

/** @param {any} given a number, or a list of them; null is none */
function showNorms(given) {
  return showValues(Array.isArray(given) ? given.map((norm) => norm ?? NONE) : given);
}

/** @param {string} text */
function readNorms(text) {
  const values = readValues(text);
  return Array.isArray(values) ? values.map((norm) => (norm === NONE ? null : norm)) : values;
}

/**
 * What is at a dotted path.
 * @param {AnySpec} spec
 * @param {string} path
 * @returns {any}
 */
export function at(spec, path) {
  return path.split(".").reduce((place, name) => place?.[name], spec);
}

/**
 * A copy of a spec with another value at a dotted path; undefined removes the field, and what is left empty by that.
 * @param {AnySpec} spec
 * @param {string} path
 * @param {unknown} content
 * @returns {AnySpec}
 */
export function changed(spec, path, content) {
  const [name = "", ...rest] = path.split(".");
  const copy = { ...spec };
  copy[name] = rest.length ? changed(copy[name] ?? {}, rest.join("."), content) : content;
  const empty = rest.length && content === undefined && Object.keys(copy[name]).length === 0;
  if (copy[name] === undefined || empty) delete copy[name];
  return copy;
}
