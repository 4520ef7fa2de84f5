// @ts-check
/**
 * The landscape of a search that chooses its temperatures itself (TPE and the like): a point for each pair it
 * tried.
 */

import { h, onWidth, put, s, tau } from "../shared/dom.js";
import { isNumber } from "../shared/format.js";
import { MARGIN, axes, diagonalLine } from "./plane.js";
import { markAt, pairKey } from "./points.js";
import { sampled } from "./scale.js";
import { roving, withTip } from "./tip.js";

/** @import { Values } from "../shared/types.js" */
/** @import { Shown } from "./landscape.js" */
/** @import { Marks, Point } from "./points.js" */
/** @import { Mark } from "./tip.js" */

const LABEL = "Objective over the two temperatures; arrow keys move between its points, Enter opens a trial";

/**
 * Fills `plot`; returns the function that draws.
 * @param {HTMLElement} plot
 * @returns {(now: Shown) => void}
 */
export function scatter(plot) {
  const canvas = h("div", { class: "scatter-holder" });
  const backward = h("span", {}, "backward temperature ", tau("b"));
  put(
    plot,
    h("div", { class: "axis-y", "aria-hidden": "true" }, backward),
    canvas,
    h("div", { class: "axis-x", "aria-hidden": "true" }, "forward temperature ", tau("f")),
  );
  /** @type {Shown | null} */
  let shown = null;
  let width = 0;
  let focused = 0; // place in the order of the points
  /** @type {Map<Mark, string[]>} */
  const lines = new Map();
  /** @type {Map<Mark, () => void>} */
  const opens = new Map();
  const refreshTip = withTip(plot, ".dot", (dot) => lines.get(dot) ?? [""]);
  const dots = () => /** @type {SVGElement[]} */ ([...canvas.querySelectorAll(".dot")]);
  // Points have no rows: arrows walk them in the order of tau_f.
  const step = (/** @type {Mark} */ dot, /** @type {number} */ dx, /** @type {number} */ dy) => {
    const all = dots();
    const place = all.findIndex((other) => other === dot);
    focused = Math.max(0, Math.min(all.length - 1, place + (dx || -dy)));
    return all[focused];
  };
  roving(canvas, ".dot", step, (dot) => opens.get(dot)?.());

  function draw() {
    if (!shown || !width) return;
    const hadFocus = canvas.contains(document.activeElement);
    lines.clear();
    opens.clear();
    put(canvas, picture(shown, width, lines, opens));
    const all = dots();
    const current = all[Math.min(focused, all.length - 1)];
    current?.setAttribute("tabindex", "0");
    if (hadFocus) current?.focus();
    refreshTip();
  }

  onWidth(canvas, (now) => {
    width = now;
    draw();
  });
  return (now) => {
    shown = now;
    draw();
  };
}

/**
 * @param {Shown} shown
 * @param {number} width
 * @param {Map<Mark, string[]>} lines filled with what each dot says
 * @param {Map<Mark, () => void>} opens filled with what opens its trial
 */
function picture({ found, study, scale, marks, say, open }, width, lines, opens) {
  const height = Math.min(width * 0.75, 440);
  const all = withMarked(found, marks);
  const { tau_f, tau_b } = study.spec.search;
  const [left, right] = ends(
    tau_f,
    all.map((p) => p.tau_f),
  );
  const [bottom, top] = ends(
    tau_b,
    all.map((p) => p.tau_b),
  );
  const x = sampled(left, right, MARGIN.left, width - MARGIN.right, 44);
  const y = sampled(bottom, top, height - MARGIN.bottom, MARGIN.top, 26);
  const dot = (/** @type {Point} */ p) => {
    const mark = markAt(pairKey(p.tau_f, p.tau_b), marks);
    const said = say(p, p.tau_f, p.tau_b);
    const kinds = ["dot", p.kind, mark].filter(Boolean);
    const made = s("circle", {
      class: kinds.join(" "),
      role: "img",
      tabindex: "-1",
      "aria-label": said.join(", "),
      cx: x.at(p.tau_f),
      cy: y.at(p.tau_b),
      r: mark ? 10 : 6,
      css: { fill: p.mean === null ? "none" : scale.colour(p.mean) },
    });
    lines.set(made, said);
    opens.set(made, () => open(p));
    return [made, mark && symbol(mark, x.at(p.tau_f), y.at(p.tau_b))];
  };
  const diagonal = diagonalLine(x, y, Math.max(left, bottom), Math.min(right, top));
  const view = { viewBox: `0 0 ${width} ${height}`, width, height };
  return s("svg", { ...view, role: "group", "aria-label": LABEL }, [
    axes(x, y, width, height),
    diagonal,
    ordered(all, marks).map(dot),
  ]);
}

/**
 * The ends of an axis: what was searched between, and what was tried.
 * @param {Values | undefined} given
 * @param {number[]} values
 * @returns {[number, number]}
 */
function ends(given, values) {
  const bounds = typeof given === "object" && !Array.isArray(given) ? [given.low, given.high] : [];
  const all = [...bounds, ...values].filter(isNumber);
  return all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
}

/**
 * What is marked is drawn last, above its neighbours; the order of the others is that of the arrow keys.
 * @param {Point[]} all
 * @param {Marks} marks
 */
function ordered(all, marks) {
  const rank = (/** @type {Point} */ p) => (markAt(pairKey(p.tau_f, p.tau_b), marks) ? 1 : 0);
  return [...all].sort((a, b) => rank(a) - rank(b) || a.tau_f - b.tau_f || a.tau_b - b.tau_b);
}

/**
 * The points with those that are marked: they may have been tried after the search, beside it.
 * @param {Point[]} found
 * @param {Marks} marks
 * @returns {Point[]}
 */
function withMarked(found, { best, rival }) {
  /** @type {Map<string, Point>} */
  const pairs = new Map(found.map((p) => [pairKey(p.tau_f, p.tau_b), p]));
  for (const marked of [best, rival]) {
    if (!marked || marked.tau_f === null) continue;
    const { number: of, role, estimator, tau_f, lr, state, reason } = marked;
    const tau_b = marked.tau_b ?? tau_f;
    if (pairs.has(pairKey(tau_f, tau_b))) continue;
    const { mean, sem } = marked.objective;
    const trial = { number: of, role, estimator, tau_f, tau_b, lr, state, reason };
    const last = { ...trial, epoch: 0, mean, sem, compared: null };
    pairs.set(pairKey(tau_f, tau_b), { tau_f, tau_b, mean, sem, last, kind: "done" });
  }
  return [...pairs.values()];
}

/** @type {[number, number][]} */
const STAR = [
  [0, -9],
  [2.2, -2.6],
  [9, -2.4],
  [3.6, 1.8],
  [5.6, 8.3],
  [0, 4.4],
  [-5.6, 8.3],
  [-3.6, 1.8],
  [-9, -2.4],
  [-2.2, -2.6],
];
/** @type {[number, number][]} */
const DIAMOND = [
  [0, -7],
  [7, 0],
  [0, 7],
  [-7, 0],
];

/**
 * @param {"optimum" | "rival"} mark
 * @param {number} cx
 * @param {number} cy
 */
function symbol(mark, cx, cy) {
  const shape = mark === "optimum" ? STAR : DIAMOND;
  const corners = shape.map(([dx, dy]) => `${(cx + dx).toFixed(1)},${(cy + dy).toFixed(1)}`);
  return s("polygon", {
    class: `symbol ${mark}`,
    "aria-hidden": "true",
    points: corners.join(" "),
  });
}
