// @ts-check
/** A study's verdict: the service says it in one line, which is shown in the same words everywhere. */

import { capital } from "./format.js";

/** The colour of a verdict, by what the service calls it. */
/** @type {Record<string, "off" | "on" | "unclear">} */
const KINDS = {
  "off the diagonal": "off",
  "on the diagonal": "on",
  "practically on the diagonal": "on",
};

/**
 * What a verdict says of the method that was compared with the diagonal.
 * @type {Record<string, string>}
 */
const OUTCOMES = {
  "off the diagonal": "better",
  "on the diagonal": "worse",
  "practically on the diagonal": "practically equal",
};

/**
 * A verdict as it is said of a method: "better", "undecided".
 * @param {string} verdict
 */
export function outcomeOf(verdict) {
  return capital(OUTCOMES[verdict] ?? verdict);
}

/**
 * A verdict in one line, as the service words it, and its colour.
 * @param {{headline?: string | null, verdict?: string | null}} found results, or a study of a list
 * @returns {{text: string, kind: "off" | "on" | "unclear"}}
 */
export function verdictOf({ headline, verdict }) {
  return { text: capital(headline ?? ""), kind: KINDS[verdict ?? ""] ?? "unclear" };
}
