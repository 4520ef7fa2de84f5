// @ts-check
/** How far a study is: a bar, what trains now, how long it has taken and how long it may take. */

import { h, put, setStyle } from "./dom.js";
import { count, duration, number } from "./format.js";

/** @import { Population, Progress, StudySummary } from "./types.js" */

/** @typedef {Pick<StudySummary, "state" | "progress" | "started_at">} Moving */

const MOST_POPULATIONS = 3; // that are named

/**
 * A bar with what it says beside it. `update(study)` moves it; `tick()` moves its clock.
 * @param {string} label
 */
export function progressBar(label) {
  const filled = h("span", {});
  const values = { "aria-valuemin": 0, "aria-valuemax": 100 };
  const bar = h("div", { class: "progress", role: "progressbar", "aria-label": label, ...values }, filled);
  const text = h("p", { class: "progress-text" });
  const clock = h("p", { class: "progress-text" });
  /** @type {Moving | null} */
  let study = null;
  let endsAt = 0; // in ms, as far as the last report lets one know
  const tick = () => study && put(clock, clockText(study, endsAt, Date.now()));
  return {
    element: h("div", { class: "progress-block" }, bar, text, clock),
    tick,
    /** @param {Moving} now */
    update(now) {
      const eta = now.progress.eta_s;
      if (eta !== null && eta !== study?.progress.eta_s) endsAt = Date.now() + 1000 * eta;
      study = now;
      const percent = Math.round(100 * (now.progress.fraction ?? 0));
      bar.setAttribute("aria-valuenow", String(percent));
      bar.setAttribute("aria-valuetext", progressText(now.progress));
      setStyle(filled, { width: `${percent}%` });
      put(text, progressText(now.progress));
      tick();
    },
  };
}

/**
 * "12 of 36 trials · 31 % of the training · 1 failed"
 * @param {Progress} progress
 */
export function progressText({ trials: { done, failed, total }, fraction }) {
  const parts = [total ? `${done} of ${count(total, "trial")}` : count(done, "trial")];
  if (fraction !== null) parts.push(`${Math.floor(100 * fraction)} % of the training`);
  if (failed) parts.push(`${failed} failed`);
  return parts.join(" · ");
}

/**
 * "3 min 12 s so far · about 2 min left"
 * @param {Moving} study
 * @param {number} endsAt
 * @param {number} now
 */
export function clockText({ state, started_at: started, progress }, endsAt, now) {
  if (state !== "running" || !started) return "";
  const parts = [`${duration(Math.max(0, (now - Date.parse(started)) / 1000))} so far`];
  if (progress.eta_s !== null) {
    const left = (endsAt - now) / 1000;
    parts.push(left >= 1 ? `about ${duration(left)} left` : "about to end");
  }
  return parts.join(" · ");
}

/** @type {Record<string, string>} */
const OF_ROLE = {
  search: "of the search",
  baseline: "of the baselines",
  extension: "beyond the ranges",
  refinement: "around the optima",
  confirm: "on fresh seeds",
  control: "of the rescaling control",
};

/**
 * What trains now, a line for each population: "trials 12 to 26 of the search: epoch 30 of 100".
 * @param {Population[]} training
 */
export function trainingLines(training) {
  const lines = training.slice(0, MOST_POPULATIONS).map((population) => {
    const { roles, first, last, trials } = population;
    const which = trials === 1 ? `trial ${first}` : `trials ${first} to ${last}`;
    const of = roles.map((role) => OF_ROLE[role] ?? role).join(" and ");
    return [`${which} ${of}`, reached(population)].filter(Boolean).join(": ");
  });
  const more = training.length - lines.length;
  return more > 0 ? [...lines, `and ${count(more, "more population")}`] : lines;
}

/** @param {Population} population */
function reached({ epoch, epochs, fraction }) {
  if (epoch !== null && epochs !== null) return `epoch ${number(epoch)} of ${epochs}`;
  return fraction === null ? "" : `${Math.floor(100 * fraction)} % of their steps`;
}
