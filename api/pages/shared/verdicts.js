// @ts-check
/** A study's verdict in one line, the same wherever it is shown: where there is none, it says why. */

import { capital } from "./format.js";
import { MOVING } from "./state.js";

/** @import { StudyState } from "./types.js" */

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
 * Why a study in a state has no verdict; a study that succeeded has its own reason.
 * @type {Partial<Record<StudyState, string>>}
 */
const WHY = {
  queued: "not started yet",
  running: "still running",
  interrupted: "interrupted",
  cancelled: "cancelled",
  failed: "failed",
};

/**
 * @param {StudyState} state
 * @param {string | null | undefined} verdict as the service says it; null while there is none
 * @param {{confirmed: boolean} | null | undefined} gain what it rests on
 * @returns {{text: string, kind: "off" | "on" | "unclear", decided: boolean}}
 */
export function verdictOf(state, verdict, gain) {
  const rests = gain && (state === "succeeded" || (gain.confirmed && !MOVING.has(state)));
  if (rests && verdict && verdict !== "no verdict") {
    return { text: capital(verdict), kind: KINDS[verdict] ?? "unclear", decided: true };
  }
  const why = WHY[state] ?? (gain ? null : "nothing to compare");
  return { text: why ? `No verdict: ${why}` : "No verdict", kind: "unclear", decided: false };
}
