// @ts-check
/** Several studies on one page: what they found, what differs, their curves, landscapes and optima. */

import { h, put } from "../shared/dom.js";
import { capital, count } from "../shared/format.js";
import { Problem, get } from "../shared/http.js";
import { methodName } from "../shared/labels.js";
import { studyAddress, trialAddress } from "../shared/links.js";
import { chart } from "../figures/chart.js";
import { landscape } from "../figures/landscape.js";
import { temperatures } from "../figures/series.js";
import { section } from "../study/part.js";
import { allTrials } from "../study/watch.js";
import { differences, onlyNumber } from "./differences.js";
import { optimaAlong, optimaPlane } from "./optima.js";
import { differencesTable, foundTable } from "./tables.js";

/** @import { Compared, Numbers, Study } from "../shared/types.js" */

/**
 * Fills `main` with a comparison of the studies with these ids.
 * @param {HTMLElement} main
 * @param {string[]} ids
 * @param {AbortSignal} signal
 */
export async function compare(main, ids, signal) {
  const title = h("h1", { tabindex: "-1" }, "Comparison");
  const loading = h("p", { class: "empty", role: "status" }, "Loading the studies …");
  put(main, h("div", { class: "page" }, title, loading));
  if (ids.length < 2)
    throw new Problem(404, { detail: "A comparison takes two studies or more; choose them in the list" });
  const studies = await Promise.all(ids.map((id) => knownOf(id, signal)));
  const names = studies.map(({ study }) => study.name);
  document.title = `${names.join(", ")} · Straight-through tuner`;
  const found = differences(studies.map(({ study }) => study.spec));
  put(
    main,
    h(
      "div",
      { class: "page study" },
      h("div", { class: "title-row" }, title),
      h("p", { class: "hint" }, `${count(studies.length, "study", "studies")}, side by side.`),
      section("What they found", foundTable(studies)),
      section("What differs", differencesTable(studies, found)),
      optimaSection(studies, found),
      curvesSections(studies),
      landscapes(studies),
    ),
  );
  title.focus({ preventScroll: true });
}

/**
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<Compared>}
 */
async function knownOf(id, signal) {
  const base = `studies/${id}`;
  const [study, trials, results, curves] = await Promise.all([
    get(base, signal),
    allTrials(base, signal),
    get(`${base}/results`, signal),
    get(`${base}/curves`, signal),
  ]);
  return { study, trials, results, curves };
}

/**
 * @param {Compared[]} studies
 * @param {ReturnType<typeof differences>} found
 */
function optimaSection(studies, found) {
  const along = onlyNumber(found);
  if (!studies.some(({ results }) => results.best)) return null;
  const plane = optimaPlane(studies);
  return section(
    "Where the optima lie",
    along ? h("div", { class: "columns" }, plane, optimaAlong(studies, along)) : plane,
  );
}

/**
 * Studies by their objective: others cannot be in one chart, or on one scale.
 * @param {Compared[]} studies
 */
function byObjective(studies) {
  /** @type {Map<string, Compared[]>} */
  const groups = new Map();
  for (const known of studies) {
    const { name, direction, title } = known.study.objective;
    const key = `${name} ${direction} ${title}`;
    groups.set(key, [...(groups.get(key) ?? []), known]);
  }
  return [...groups.values()];
}

/**
 * The learning curves of one method, overlaid; a chart for each objective.
 * @param {Compared[]} studies
 */
function curvesSections(studies) {
  const methods = [...new Set(studies.flatMap(({ curves }) => curves.curves.map(({ method }) => method)))];
  if (!methods.length) return null;
  const groups = byObjective(studies).map((group) => ({ group, figure: chart("Learning curves") }));
  const draw = () => {
    for (const { group, figure } of groups) {
      const data = curvesOf(group, choice.value);
      figure.element.hidden = data.series.length === 0;
      if (data.series.length) figure.update(data);
    }
  };
  const choice = h("select", { id: "method-choice", change: draw });
  put(
    choice,
    methods.map((name) => h("option", { value: name }, methodName(name))),
  );
  draw();
  const figures = groups.map(({ figure }) => figure.element);
  const label = h("label", { class: "inline", for: "method-choice" }, "Best trial of ", choice);
  return section("Learning curves", h("div", { class: "metric-curves" }, label, figures));
}

/**
 * @param {Compared[]} group
 * @param {string} method
 * @returns {import("../figures/chart.js").ChartData}
 */
function curvesOf(group, method) {
  const series = group.flatMap(({ study, curves }) =>
    curves.curves
      .filter((curve) => curve.method === method && curve.epoch.length > 0)
      .map((curve) => ({
        label: [study.name, temperatures(curve)].filter(Boolean).join(", "),
        x: curve.epoch,
        mean: curve.mean,
        sem: curve.sem,
        href: trialAddress(study.id, curve.trial),
      })),
  );
  const yLabel = capital(group[0]?.study.objective.title ?? "");
  return { series, xLabel: "epoch", xName: "epoch", yLabel, points: false };
}

/**
 * The landscapes, those of one objective in one scale of colours.
 * @param {Compared[]} studies
 */
function landscapes(studies) {
  const shared = new Map(
    byObjective(studies).flatMap((group) => {
      const means = group.flatMap(({ trials }) => trials.items.flatMap(searchedMean));
      return group.map(({ study }) => /** @type {[string, Numbers]} */ ([study.id, means]));
    }),
  );
  const figures = studies.map(({ study, trials, results }) => {
    const figure = landscape();
    figure.update(study, trials, results, shared.get(study.id));
    return h("div", { class: "compared" }, h("h3", {}, named(study)), figure.element);
  });
  return section("Landscapes", h("div", { class: "columns" }, figures));
}

/** @param {Compared["trials"]["items"][number]} trial */
function searchedMean({ role, mean }) {
  return role === "search" && mean !== null ? [mean] : [];
}

/** @param {Study} study */
function named({ id, name }) {
  return h("a", { href: studyAddress(id) }, name);
}
