/** Between what a spec holds and what its fields show. Nothing is checked here: the service says what is wrong, at its field. */

/** A number where the text is one, else the text itself, which the service then names. */
function value(text) {
  const trimmed = text.trim();
  return trimmed !== "" && Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

const RANGE = /^(\S+)\s*(?:to|–|\.\.)\s*(\S+?)(?:\s*(?:step|by)\s*(\S+))?$/;

/** Each kind: how a value is shown, and read again; undefined for an empty field, so that the default holds. */
export const KINDS = {
  text: { show: (v) => v ?? "", read: (text) => text.trim() || undefined },
  number: { show: (v) => (v === undefined || v === null ? "" : String(v)), read: (text) => (text.trim() ? value(text) : undefined) },
  // "0, 0.1, 0.5", "0 to 2 step 0.1", and for a search that chooses by itself "0 to 2".
  values: { show: showValues, read: readValues },
};

function showValues(given) {
  if (given === undefined || given === null) return "";
  if (Array.isArray(given)) return given.join(", ");
  if (typeof given !== "object") return String(given);
  return `${given.low} to ${given.high}${given.step === undefined ? "" : ` step ${given.step}`}`;
}

function readValues(text) {
  const trimmed = text.trim();
  if (!trimmed) return undefined;
  const range = RANGE.exec(trimmed);
  if (range) {
    const [low, high, step] = range.slice(1).map((part) => (part === undefined ? undefined : value(part)));
    return step === undefined ? { low, high } : { low, high, step };
  }
  return trimmed.split(/[\s,;]+/).filter(Boolean).map(value);
}

/** What is at a dotted path. */
export function at(spec, path) {
  return path.split(".").reduce((place, name) => place?.[name], spec);
}

/** A copy of a spec with another value at a dotted path; undefined removes the field. */
export function changed(spec, path, value) {
  const [name, ...rest] = path.split(".");
  const copy = { ...spec };
  copy[name] = rest.length ? changed(copy[name] ?? {}, rest.join("."), value) : value;
  if (copy[name] === undefined) delete copy[name];
  return copy;
}
