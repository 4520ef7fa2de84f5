// @ts-check
/** What differs between the specs of several studies. */

/** @typedef {string | number | boolean | null} Plain */
/** @typedef {{field: string, values: (Plain | undefined)[]}} Difference */

/**
 * The fields of a spec by their dotted paths; a list is one value, as text.
 * @param {unknown} spec
 * @param {string} [path]
 * @returns {Map<string, Plain>}
 */
export function fieldsOf(spec, path = "") {
  if (Array.isArray(spec)) return new Map([[path, spec.map(textOf).join(", ")]]);
  if (typeof spec !== "object" || spec === null)
    return new Map([[path, /** @type {Plain} */ (spec ?? null)]]);
  const below = Object.entries(spec).flatMap(([name, value]) => [
    ...fieldsOf(value, path ? `${path}.${name}` : name),
  ]);
  return new Map(below);
}

/** @param {unknown} value */
function textOf(value) {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/**
 * The fields that not all specs have the same, names left out; undefined where a spec has no such field.
 * @param {unknown[]} specs
 * @returns {Difference[]}
 */
export function differences(specs) {
  const all = specs.map((spec) => fieldsOf(spec));
  const names = [...new Set(all.flatMap((fields) => [...fields.keys()]))].filter((name) => name !== "name");
  return names
    .map((field) => ({ field, values: all.map((fields) => fields.get(field)) }))
    .filter(({ values }) => new Set(values).size > 1);
}

/**
 * The one field along which studies can be put in order: the only one that differs, with a number in each; null where
 * there is none.
 * @param {Difference[]} found
 * @returns {{field: string, values: number[]} | null}
 */
export function onlyNumber(found) {
  const [first] = found;
  if (!first || found.length > 1 || !first.values.every((value) => typeof value === "number")) return null;
  return { field: first.field, values: /** @type {number[]} */ (first.values) };
}
