// @ts-check
/** States of studies and trials. A state is never told by colour alone. */

import { h } from "./dom.js";
import { stateName } from "./labels.js";

export const CANCELLABLE = new Set(["queued", "running", "interrupted"]);
export const RESUMABLE = new Set(["failed", "interrupted"]);
export const UNDER_WAY = new Set(["running", "interrupted"]);
/** States that may change by themselves: an interrupted study is resumed. */
export const MOVING = new Set(["queued", "running", "interrupted"]);

/**
 * A state as a shape and a word.
 * @param {string} state
 */
export function badge(state) {
  return h("span", { class: `badge ${state}` }, stateName(state));
}
