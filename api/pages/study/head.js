// @ts-check
/** The head of a study's page: what it is, its state and progress, and what belongs to it elsewhere. */

import { byId, h, put, whenChanged } from "../shared/dom.js";
import { ago, count, duration, moment, sentence } from "../shared/format.js";
import { datasetTitle } from "../shared/labels.js";
import { away, saveButton } from "../shared/links.js";
import { progressBar, trainingLines } from "../shared/progress.js";
import { UNDER_WAY, badge } from "../shared/state.js";

/** @import { Study } from "../shared/types.js" */

/**
 * A study's state as it is shown: a cancel that was asked for is one.
 * @param {Pick<Study, "state" | "cancelling">} study
 */
export function shownState({ state, cancelling }) {
  return cancelling ? "cancelling" : state;
}

/**
 * The head; `update(study)` shows it. Its clock ticks until `signal` aborts.
 * @param {AbortSignal} signal
 */
export function head(signal) {
  const element = h("div", { class: "study-head" });
  const progress = progressBar("Progress");
  const training = h("ul", { class: "training" });
  const ticking = setInterval(progress.tick, 1000);
  signal.addEventListener("abort", () => clearInterval(ticking));
  /** @type {Study | null} */
  let study = null;
  // What moves with every report is the bar alone; the rest is written where one of these has changed.
  const write = whenChanged((/** @type {unknown[]} */ ..._) => {
    if (!study) return;
    put(
      element,
      facts(study),
      study.reason && h("p", { class: `reason-line ${study.state}` }, sentence(study.reason)),
      study.state === "queued" && h("p", { class: "hint" }, waiting(study)),
      UNDER_WAY.has(study.state) && [progress.element, training],
      linksOf(study),
    );
  });
  return {
    element,
    /** @param {Study} now */
    update(now) {
      study = now;
      progress.update(now);
      const lines = now.state === "running" ? trainingLines(now.progress.training) : [];
      put(
        training,
        lines.map((line) => h("li", {}, line)),
      );
      const { reason, links, position, finished_at } = now;
      write(shownState(now), reason, links.job, links.mlflow, position, finished_at);
    },
  };
}

/** @param {Study} study */
function facts(study) {
  const { created_at: created, started_at: started, finished_at: finished } = study;
  const took = started && finished && duration((Date.parse(finished) - Date.parse(started)) / 1000);
  return h(
    "p",
    { class: "facts" },
    badge(shownState(study)),
    h("code", {}, study.id),
    h("span", {}, study.task),
    h("span", {}, datasetTitle(study.dataset)),
    h("span", {}, study.spec.search.strategy),
    h("time", { datetime: created, title: moment(created) }, ago(created)),
    took && h("span", {}, `took ${took}`),
  );
}

/** @param {Study} study */
function waiting({ position }) {
  if (!position || position < 2) return "Next in the queue.";
  return `${count(position - 1, "study", "studies")} before it in the queue.`;
}

const NO_KEY = "MLflow asks for no key: whoever reaches its address reads and changes it";

/** @param {Study} study */
function linksOf({ id, links }) {
  return h(
    "p",
    { class: "links" },
    away(links.comparison, "Compare its trials in MLflow", NO_KEY),
    away(links.mlflow, "MLflow run", NO_KEY),
    away(links.job, "Ray job"),
    saveButton(`studies/${id}/files/report.html`, `${id}-report.html`, "Save the report"),
    h("a", { href: "#section-files", click: toFiles }, "All files"),
  );
}

/**
 * The address names the view, so a link within it moves by script.
 * @param {Event} event
 */
function toFiles(event) {
  event.preventDefault();
  const files = byId("section-files");
  files.scrollIntoView({ block: "start" });
  files.focus({ preventScroll: true });
}
