// @ts-check
/** One trial: its curves seed by seed, every metric, its schedule, its files. */

import { h, put, tau, whenChanged } from "../shared/dom.js";
import { capital, duration, number, sentence, settingsText } from "../shared/format.js";
import { get } from "../shared/http.js";
import { methodName } from "../shared/labels.js";
import { away, studyAddress, trialAddress } from "../shared/links.js";
import { poll } from "../shared/live.js";
import { badge } from "../shared/state.js";
import { scheduleTable } from "../study/findings.js";
import { section } from "../study/part.js";
import { metricCurves } from "./curves.js";
import { trialFiles } from "./files.js";
import { metricsTable } from "./metrics.js";

/** @import { Child, Study, TrialDetail } from "../shared/types.js" */

const EVERY_MS = 4000; // while the trial trains
const ENDED = new Set(["succeeded", "failed", "diverged", "stopped"]);

/**
 * Fills `main`, and follows the trial until `signal` aborts.
 * @param {HTMLElement} main
 * @param {string} id of its study
 * @param {number} place its number in the study
 * @param {AbortSignal} signal
 */
export async function trial(main, id, place, signal) {
  const title = h("h1", { tabindex: "-1" }, `Trial ${place}`);
  const loading = h("p", { class: "empty", role: "status" }, "Loading …");
  put(main, h("div", { class: "page" }, title, loading));
  /** @type {Study} */
  const study = await get(`studies/${id}`, signal);
  const path = `studies/${id}/trials/${place}`;
  /** @type {TrialDetail} */
  let known = await get(path, signal);
  const parts = partsOf(study, (key) => parts.curves.show(key));
  const head = h("div", { class: "study-head" });
  const back = h("p", { class: "back" }, h("a", { href: studyAddress(id) }, `‹ ${study.name}`));
  const turn = h("div", { class: "actions" });
  put(
    main,
    h(
      "div",
      { class: "page study" },
      back,
      h("div", { class: "title-row" }, title, turn),
      head,
      parts.elements,
    ),
  );
  document.title = `Trial ${place} of ${study.name} · Straight-through tuner`;
  title.focus({ preventScroll: true });
  const draw = whenChanged((/** @type {TrialDetail} */ now) => {
    put(head, facts(now, id));
    put(turn, neighbours(now, id));
    parts.update(now);
  });
  draw(known);
  if (ENDED.has(known.state)) return;
  const following = new AbortController();
  const look = async () => {
    known = await get(path, signal);
    draw(known);
    if (ENDED.has(known.state)) following.abort();
  };
  await poll(look, () => EVERY_MS, AbortSignal.any([signal, following.signal]));
}

/**
 * The sections of the page.
 * @param {Study} study
 * @param {(metric: string) => void} choose called with the metric whose curves are to be seen
 */
function partsOf(study, choose) {
  const curves = metricCurves(study);
  const metrics = metricsTable(study, choose);
  const schedule = h("div", {});
  const scheduled = section("Schedule", schedule);
  const files = trialFiles(study.id);
  return {
    curves,
    elements: [
      section("Curves", curves.element),
      scheduled,
      files.element,
      section("Metrics", metrics.element),
    ],
    /** @param {TrialDetail} now */
    update(now) {
      curves.update(now);
      metrics.update(now);
      files.update(now);
      const segments = now.variant?.schedule ?? [];
      scheduled.hidden = segments.length === 0;
      put(schedule, segments.length > 0 && scheduleTable(segments));
    },
  };
}

/**
 * @param {TrialDetail} trial
 * @param {string} id
 */
function facts({ state, reason, role, estimator, epoch, attempts, started_at, finished_at, ...trial }, id) {
  const took = started_at && finished_at && (Date.parse(finished_at) - Date.parse(started_at)) / 1000;
  const scale = trial.variant?.logit_scale;
  const began = (trial.variant?.schedule ?? []).length > 0 && " at first";
  const fact = (/** @type {Child} */ name, /** @type {Child} */ value) =>
    h("div", {}, h("dt", {}, name), h("dd", { class: "num" }, value));
  return [
    h(
      "p",
      { class: "facts" },
      badge(state),
      h("span", {}, role),
      h("span", {}, methodName(estimator)),
      h("span", {}, `epoch ${number(epoch)}`),
      took && h("span", {}, `took ${duration(took)}`),
      attempts > 1 && h("span", {}, `started ${attempts} times`),
    ),
    reason && h("p", { class: `reason-line ${state}` }, sentence(reason)),
    h(
      "dl",
      { class: "best" },
      trial.tau_f !== null && fact([tau("f"), began], number(trial.tau_f, 6)),
      trial.tau_b !== null && fact([tau("b"), began], number(trial.tau_b, 6)),
      fact("Learning rate", number(trial.lr, 6)),
      settingsText(trial.variant?.optimizer ?? {}).map((text) => fact("Optimizer", text)),
      scale && fact("Logit layer", `× ${number(scale, 4)}`),
      fact(trial.seeds.length === 1 ? "Seed" : "Seeds", seedsText(trial.seeds)),
    ),
    h("p", { class: "links" }, same(trial.same, id), away(trial.mlflow, "MLflow run")),
  ];
}

/**
 * Seeds as a range where they are one.
 * @param {number[]} seeds
 */
export function seedsText(seeds) {
  const [first = 0, last = 0] = [seeds[0], seeds.at(-1)];
  const range = seeds.length > 2 && seeds.every((seed, i) => seed === first + i);
  return range ? `${first} to ${last}` : seeds.join(", ");
}

/**
 * Links to the trials of the same configuration.
 * @param {TrialDetail["same"]} others
 * @param {string} id
 */
function same(others, id) {
  if (!others.length) return null;
  const links = others.map((other) =>
    h("a", { href: trialAddress(id, other.number) }, `trial ${other.number} (${other.role})`),
  );
  return h("span", { class: "downloads" }, "Same configuration: ", links);
}

/**
 * Links to the trials before and after it.
 * @param {TrialDetail} trial
 * @param {string} id
 */
function neighbours({ number: place, trials }, id) {
  const link = (/** @type {number} */ to, /** @type {string} */ text) =>
    to >= 0 && to < trials && h("a", { class: "button", href: trialAddress(id, to) }, capital(text));
  return [link(place - 1, `trial ${place - 1}`), link(place + 1, `trial ${place + 1}`)];
}
