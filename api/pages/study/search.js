// @ts-check
/**
 * What a search learned: the best so far of one that chooses its trials itself, what as many trials off the diagonal
 * and on it find, the importance of what was varied, and the paths of trials whose temperatures change.
 */

import { h, put, tau, whenChanged } from "../shared/dom.js";
import { capital, decimalsFor, fixed, number, shareText } from "../shared/format.js";
import { picture } from "../shared/picture.js";
import { trialLink } from "../shared/links.js";
import { table } from "../shared/table.js";
import { chart } from "../figures/chart.js";
import { between, budgetData } from "../figures/series.js";
import { section } from "./part.js";

/** @import { Child, Results, SearchCourse, SearchPath, Study } from "../shared/types.js" */
/** @import { Part } from "./part.js" */

/** @type {Record<string, () => Child>} */
const NAMES = {
  tau_f: () => ["Forward temperature ", tau("f")],
  tau_b: () => ["Backward temperature ", tau("b")],
  lr: () => "Learning rate",
  interaction: () => "Their interaction",
};

/** @returns {Part} */
export function searchPart() {
  const course = chart("Best so far");
  const progress = h("div", {}, h("h3", {}, "Best so far"), course.element);
  const budget = chart("As many trials on both sides");
  const budgets = h("div", {}, h("h3", {}, "As many trials on both sides"), budget.element, budgetHint());
  const shares = h("div", {});
  const ways = h("div", {});
  const surface = h("div", {});
  const columns = h("div", { class: "columns" }, progress, budgets, shares);
  const element = section("The search", columns, surface, ways);
  const drawn = whenChanged((/** @type {string | null} */ name, /** @type {string} */ id) =>
    put(surface, name && figureOf(name, `studies/${id}/figures/${name}.png`)),
  );
  const draw = whenChanged(
    (
      /** @type {SearchCourse} */ found,
      /** @type {Study} */ study,
      /** @type {Results["equal_budget"]} */ equal,
    ) => {
      const { steps, importance, paths } = found;
      const compared = budgetData(equal, study.objective);
      budgets.hidden = compared === null;
      if (compared) budget.update(compared);
      const chosen = between(study.spec.search.tau_f) && steps.length > 1 && !paths.length;
      progress.hidden = !chosen;
      if (chosen) course.update(courseData(found, study));
      put(shares, importance && importanceTable(importance));
      put(ways, paths.length > 0 && pathsTable(paths, study));
      element.hidden = !chosen && !importance && !paths.length && !compared;
      // The figures of a study that moves would have to be drawn anew at every report.
      drawn(["surface", "trajectories"].find((name) => study.figures.includes(name)) ?? null, study.id);
    },
  );
  return { element, update: ({ search, study, results }) => draw(search, study, results.equal_budget) };
}

function budgetHint() {
  return h(
    "p",
    { class: "hint" },
    "The best of k trials, expected over all choices of k, selected on all but one seed and scored on that one. ",
    "A method with more trials is ahead by tuning alone; here both have as many.",
  );
}

/** What is said of a figure of the report: what it is, and its caption. */
/** @type {Record<string, [string, string]>} */
const FIGURES = {
  surface: [
    "The predicted objective over both temperatures",
    "What a Gaussian process through all trials predicts between them, best learning rate at each pair. " +
      "A description; no verdict rests on it.",
  ],
  trajectories: [
    "The temperatures of every trial over its training",
    "The temperatures of every trial over its training, as the table has them.",
  ],
};

/**
 * A figure as the report draws it.
 * @param {string} name
 * @param {string} path
 */
function figureOf(name, path) {
  const [alt = name, caption = ""] = FIGURES[name] ?? [];
  return picture(path, alt, caption);
}

/**
 * @param {SearchCourse} found
 * @param {Study} study
 */
function courseData({ steps }, { objective }) {
  const x = steps.map((_, i) => i + 1);
  const none = steps.map(() => null);
  return {
    series: [
      { label: "Best so far", x, mean: steps.map(({ best }) => best), sem: none },
      { label: "Each trial", x, mean: steps.map(({ mean }) => mean), sem: none, thin: true },
    ],
    xLabel: "trials",
    xName: "trial",
    yLabel: capital(objective.title),
    points: false,
  };
}

/** @param {Record<string, number>} shares */
function importanceTable(shares) {
  const bar = (/** @type {number} */ share) =>
    h("meter", { min: 0, max: 1, value: share, "aria-label": `${Math.round(100 * share)} %` });
  return [
    table(
      "importance",
      [{ title: "What was varied" }, { title: "Importance", numeric: true }, { title: "Share" }],
      Object.entries(shares).map(([name, share]) => [NAMES[name]?.() ?? name, shareText(share), bar(share)]),
    ),
    h(
      "p",
      { class: "hint" },
      "The share of the variance of a surface through all trials that is a function of this alone. ",
      "A description; no verdict rests on it.",
    ),
  ];
}

/**
 * @param {SearchPath[]} paths
 * @param {Study} study
 */
function pathsTable(paths, { id, objective }) {
  const decimals = decimalsFor(paths.map(({ mean }) => mean));
  const pair = (/** @type {number[]} */ [, f, b]) => `${number(f, 3)}, ${number(b, 3)}`;
  return [
    table(
      "trajectories",
      [
        { title: "Trial" },
        { title: ["Path of ", tau("f"), ", ", tau("b")], label: "Path" },
        { title: "Went on from" },
        { title: capital(objective.label), numeric: true },
      ],
      paths.map(({ trial, source, segments, mean }) => [
        trialLink(id, trial, [h("span", { class: "on-phone" }, "Trial "), trial], "path"),
        segments.map(pair).join(" → "),
        source === null ? "itself" : trialLink(id, source, `trial ${source}`, `source-of-${trial}`),
        fixed(mean, decimals),
      ]),
    ),
    h("p", { class: "hint" }, "A trial that took another one's place has that one's past."),
  ];
}
