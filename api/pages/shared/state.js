// @ts-check
/** States of studies and trials, and the progress of a study. A state is never told by colour alone. */

import { h, put, setStyle } from "./dom.js";
import { count, duration } from "./format.js";
import { stateName } from "./labels.js";

/** @import { Progress, StudySummary } from "./types.js" */

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

/**
 * A bar with what it says beside it. `update(study)` moves it.
 * @param {string} label
 */
export function progressBar(label) {
  const filled = h("span", {});
  const bar = h(
    "div",
    {
      class: "progress",
      role: "progressbar",
      "aria-label": label,
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    },
    filled,
  );
  const text = h("p", { class: "progress-text" });
  return {
    element: h("div", { class: "progress-block" }, bar, text),
    /** @param {Pick<StudySummary, "state" | "progress">} study */
    update(study) {
      const percent = Math.round(100 * (study.progress.fraction ?? 0));
      bar.setAttribute("aria-valuenow", String(percent));
      bar.setAttribute("aria-valuetext", progressText(study));
      setStyle(filled, { width: `${percent}%` });
      put(text, progressText(study));
    },
  };
}

/**
 * "12 of 36 trials · 1 failed · about 2 min left"
 * @param {{state: string, progress: Progress}} study
 */
export function progressText({ state, progress }) {
  const { done, failed, total } = progress.trials;
  const parts = [total ? `${done} of ${count(total, "trial")}` : count(done, "trial")];
  if (failed) parts.push(`${failed} failed`);
  if (state === "running" && progress.eta_s) parts.push(`about ${duration(progress.eta_s)} left`);
  return parts.join(" · ");
}
