/** The landscape of a search that chooses its temperatures itself (TPE and the like): a point for each pair it has tried. */

import { h, onWidth, put, s, tau } from "./dom.js";
import { number } from "./format.js";
import { linear, ticks } from "./scale.js";
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

function picture({ found, study, scale, marks, say }, width, lines) {
  const height = Math.min(width * 0.75, 440);
  const ends = (name) => {
    const given = study.spec.search[name];
    const values = [given?.low, given?.high, ...found.map((p) => p[name])].filter(Number.isFinite);
    return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  };
  const [xEnds, yEnds] = [ends("tau_f"), ends("tau_b")];
  const x = linear(...xEnds, MARGIN.left, width - MARGIN.right);
  const y = linear(...yEnds, height - MARGIN.bottom, MARGIN.top);
  const from = Math.max(xEnds[0], yEnds[0]);
  const to = Math.min(xEnds[1], yEnds[1]);
  const dot = (p) => {
    const pair = `${p.tau_f} ${p.tau_b}`;
    const mark = pair === marks.optimum ? "optimum" : pair === marks.diagonal ? "rival" : "";
    const said = [...say(p, p.tau_f, p.tau_b), ...(mark === "optimum" ? ["the optimum"] : mark ? ["the best on the diagonal"] : [])];
    const made = s("circle", {
      class: `dot ${p.running ? "partial" : ""} ${p.mean === null ? "void" : ""} ${mark}`, role: "img", tabindex: "-1",
      "aria-label": said.join(", "), cx: x(p.tau_f), cy: y(p.tau_b), r: mark ? 9 : 6,
      css: { fill: p.mean === null ? "none" : scale.colour(p.mean) },
    });
    lines.set(made, said);
    return made;
  };
  // The optimum is drawn last, above its neighbours; the order of the others is that of the arrow keys.
  const order = [...found].sort((a, b) => a.tau_f - b.tau_f || a.tau_b - b.tau_b);
  return s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Objective over the two temperatures; arrow keys move between its points" },
    s("g", { class: "axes", "aria-hidden": "true" },
      ticks(...xEnds, width / 90).map((v) => [
        s("line", { x1: x(v), x2: x(v), y1: MARGIN.top, y2: height - MARGIN.bottom }),
        s("text", { x: x(v), y: height - MARGIN.bottom + 18, "text-anchor": "middle" }, number(v, 6))]),
      ticks(...yEnds, height / 60).map((v) => [
        s("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(v), y2: y(v) }),
        s("text", { x: MARGIN.left - 8, y: y(v) + 4, "text-anchor": "end" }, number(v, 6))])),
    to > from && s("line", { class: "diagonal-line", x1: x(from), y1: y(from), x2: x(to), y2: y(to) }),
    order.map(dot));
}
