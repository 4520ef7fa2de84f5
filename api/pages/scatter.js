/** The landscape of a search that chooses its temperatures itself (TPE and the like): a point for each pair it has tried. */

import { h, onWidth, put, s, tau } from "./dom.js";
import { number } from "./format.js";
import { sampled } from "./scale.js";
import { roving, withTip } from "./tip.js";

const MARGIN = { left: 44, right: 12, top: 12, bottom: 34 };

/** Fills `plot`; returns the function that draws. */
export function scatter(plot) {
  const canvas = h("div", { class: "scatter-holder" });
  put(plot,
    h("div", { class: "axis-y", "aria-hidden": "true" }, h("span", {}, "backward temperature ", tau("b"))), canvas,
    h("div", { class: "axis-x", "aria-hidden": "true" }, "forward temperature ", tau("f")));
  let state = null;
  let width = 0;
  let focused = 0; // place in the order of the points
  const lines = new Map();
  const refreshTip = withTip(plot, ".dot", (dot) => lines.get(dot) ?? [""]);
  const dots = () => [...canvas.querySelectorAll(".dot")];
  // Points have no rows: arrows walk them in the order of tau_f.
  roving(canvas, ".dot", (dot, dx, dy) => {
    const all = dots();
    focused = Math.max(0, Math.min(all.length - 1, all.indexOf(dot) + (dx || -dy)));
    return all[focused];
  });

  function draw() {
    if (!state || !width) return;
    const hadFocus = canvas.contains(document.activeElement);
    lines.clear();
    put(canvas, picture(state, width, lines));
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
    state = now;
    draw();
  };
}

const STAR = [[0, -9], [2.2, -2.6], [9, -2.4], [3.6, 1.8], [5.6, 8.3], [0, 4.4], [-5.6, 8.3], [-3.6, 1.8], [-9, -2.4], [-2.2, -2.6]];
const DIAMOND = [[0, -7], [7, 0], [0, 7], [-7, 0]];

function picture({ found, study, scale, marks, say }, width, lines) {
  const height = Math.min(width * 0.75, 440);
  const points = withRival(found, marks);
  const ends = (name) => {
    const given = study.spec.search[name];
    const values = [given?.low, given?.high, ...points.map((p) => p[name])].filter(Number.isFinite);
    return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  };
  const [xEnds, yEnds] = [ends("tau_f"), ends("tau_b")];
  const x = sampled(...xEnds, MARGIN.left, width - MARGIN.right, 44);
  const y = sampled(...yEnds, height - MARGIN.bottom, MARGIN.top, 26);
  const dot = (p) => {
    const mark = markOf(p, marks);
    const said = [...say(p, p.tau_f, p.tau_b), ...(mark === "optimum" ? ["the optimum"] : mark ? ["the best on the diagonal"] : [])];
    const made = s("circle", {
      class: `dot ${p.running ? "partial" : ""} ${p.mean === null ? "void" : ""} ${mark}`, role: "img", tabindex: "-1",
      "aria-label": said.join(", "), cx: x.at(p.tau_f), cy: y.at(p.tau_b), r: mark ? 10 : 6,
      css: { fill: p.mean === null ? "none" : scale.colour(p.mean) },
    });
    lines.set(made, said);
    return [made, mark && symbol(mark, x.at(p.tau_f), y.at(p.tau_b))];
  };
  // What is marked is drawn last, above its neighbours; the order of the others is that of the arrow keys.
  const order = [...points].sort((a, b) => Boolean(markOf(a, marks)) - Boolean(markOf(b, marks)) || a.tau_f - b.tau_f || a.tau_b - b.tau_b);
  const drawn = order.flatMap(dot).filter(Boolean);
  return s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Objective over the two temperatures; arrow keys move between its points" },
    s("g", { class: "axes", "aria-hidden": "true" },
      x.ticks.map((v) => [
        s("line", { x1: x.at(v), x2: x.at(v), y1: MARGIN.top, y2: height - MARGIN.bottom }),
        s("text", { x: x.at(v), y: height - MARGIN.bottom + 18, "text-anchor": "middle" }, number(v, 6))]),
      y.ticks.map((v) => [
        s("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y.at(v), y2: y.at(v) }),
        s("text", { x: MARGIN.left - 8, y: y.at(v) + 4, "text-anchor": "end" }, number(v, 6))])),
    diagonal(x, y, Math.max(xEnds[0], yEnds[0]), Math.min(xEnds[1], yEnds[1])),
    drawn);
}

function markOf(point, marks) {
  const pair = `${point.tau_f} ${point.tau_b}`;
  return pair === marks.optimum ? "optimum" : pair === marks.diagonal ? "rival" : "";
}

/** The points, and the best on the diagonal where only a baseline was there: softmax ST. */
function withRival(found, marks) {
  const trial = marks.rival;
  if (!trial || found.some((p) => `${p.tau_f} ${p.tau_b}` === marks.diagonal)) return found;
  const { mean, sem } = trial.objective;
  return [...found, { ...trial, tau_b: trial.tau_b ?? trial.tau_f, mean, sem, running: false }];
}

function symbol(mark, cx, cy) {
  const shape = mark === "optimum" ? STAR : DIAMOND;
  return s("polygon", { class: `symbol ${mark}`, "aria-hidden": "true", points: shape.map(([dx, dy]) => `${(cx + dx).toFixed(1)},${(cy + dy).toFixed(1)}`).join(" ") });
}

/** tau_f = tau_b: a curve, because the two axes need not be alike. */
function diagonal(x, y, from, to) {
  if (!(to > from)) return null;
  const steps = Array.from({ length: 65 }, (_, i) => from + (to - from) * (i / 64) ** 2); // closer together where the axes are stretched
  return s("polyline", { class: "diagonal-line", points: steps.map((v) => `${x.at(v).toFixed(1)},${y.at(v).toFixed(1)}`).join(" ") });
}
