// @ts-check
/**
 * The strategies as the service describes them in openapi.json: one that it learns shows here without a
 * change.
 */

/** @import { AnySpec } from "./spec_text.js" */

/** @typedef {{[key: string]: any}} Schema a piece of JSON Schema */
/** @typedef {Record<string, Schema>} Fields a strategy's fields by name */

/** What each strategy does, in a sentence. */
/** @type {Record<string, string>} */
export const HINTS = {
  grid: "Every pair of temperatures.",
  sequential: "First the forward temperatures, then the backward ones at the best of those.",
  halving: "The grid, of which at each rung only the best go on.",
  tpe: "Parzen estimators propose pairs between the bounds.",
  gp: "A Gaussian process proposes pairs between the bounds.",
  pbt: "Each round the worst go on as copies of the best, with other temperatures: the result is a schedule.",
};

/**
 * The fields of every strategy.
 * @param {Schema} openapi
 * @returns {Record<string, Fields>}
 */
export function strategiesOf(openapi) {
  const { schemas } = openapi.components;
  const mapping = Object.entries(schemas.StudySpec.properties.search.discriminator.mapping);
  return Object.fromEntries(
    mapping.map(([name, ref]) => [name, schemas[String(ref).split("/").at(-1) ?? ""].properties]),
  );
}

/**
 * Whether a field takes a list of values, maybe among other things; else it takes bounds.
 * @param {Schema | undefined} field
 * @returns {boolean}
 */
export function takesList(field) {
  const kinds = [...(field?.anyOf ?? []), ...(field?.oneOf ?? [])];
  return field?.type === "array" || kinds.some(takesList);
}

/**
 * The search for another strategy: the same temperatures, as the kind of values that it takes.
 * @param {AnySpec | undefined} search
 * @param {string} name
 * @param {Fields} fields
 */
export function switched(search, name, fields) {
  /** @type {AnySpec} */
  const wanted = { strategy: name };
  for (const key of ["tau_f", "tau_b"]) {
    wanted[key] = takesList(fields[key]) ? asSteps(search?.[key]) : asBounds(search?.[key]);
  }
  for (const [key, field] of Object.entries(fields)) {
    if (key in wanted) continue;
    const value = search?.[key] ?? field.default;
    if (value !== undefined && value !== null) wanted[key] = value;
  }
  if (fields.trials) wanted.trials ??= sensibleTrials(search, fields.trials);
  return wanted;
}

/**
 * Bounds as ten steps between them; what is a list or a range with steps already stays.
 * @param {any} given
 */
function asSteps(given) {
  if (given?.high === undefined || given.step !== undefined) return given;
  return { ...given, step: (given.high - given.low) / 10 };
}

/**
 * The bounds of what was to be searched.
 * @param {any} given
 */
function asBounds(given) {
  const list = Array.isArray(given) ? given.filter(Number.isFinite) : [];
  if (list.length) return { low: Math.min(...list), high: Math.max(...list) };
  return given && { low: given.low ?? given, high: given.high ?? given };
}

/**
 * As many trials as the grid before had pairs, within what the strategy takes.
 * @param {AnySpec | undefined} search
 * @param {Schema} field
 */
function sensibleTrials(search, { minimum = 1, maximum = 100 }) {
  const pairs = howMany(search?.tau_f) * howMany(search?.tau_b) || 0;
  return Math.max(minimum, 4, Math.min(maximum, 100, pairs));
}

/** @param {any} given */
function howMany(given) {
  if (Array.isArray(given)) return given.length;
  return given?.step > 0 ? Math.floor((given.high - given.low) / given.step) + 1 : 1;
}
