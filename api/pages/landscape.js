/**
 * The objective over the two temperatures: a coloured table where the search is a grid, points where it is not.
 *
 * A table, because it is one: each cell has its row and column, can be focused, and says what it is.
 */

import { h, onWidth, put, setStyle, tau } from "./dom.js";
import { decimalsFor, fixed, number, score, words } from "./format.js";
import { GRADIENT, colourScale } from "./scale.js";
import { roving, withTip } from "./tip.js";
import { scatter } from "./scatter.js";

const NUMBERS_FROM = 42; // pixels of a cell's width in which a number is readable

/** The values of a temperature that a search will visit, or null where it chooses them itself. */
function planned(given) {
  if (typeof given === "number") return [given];
  if (Array.isArray(given)) return given;
  if (!given || given.step === undefined) return null;
  const steps = Math.floor((given.high - given.low) / given.step + 1e-9);
  return Array.from({ length: steps + 1 }, (_, i) => Number((given.low + i * given.step).toFixed(10)));
}

const ascending = (values) => [...new Set(values)].sort((a, b) => a - b);

/**
 * The points of a search: [{tau_f, tau_b, mean, sem, lr, state, trials}], of each pair its best learning rate so far.
 *
 * A pair is running while one of its trials is; then its mean is that of the last report.
 */
export function points(trials, direction) {
  const better = direction === "minimize" ? (a, b) => a < b : (a, b) => a > b;
  const pairs = new Map();
  for (const trial of trials) {
    if (trial.role !== "search" || trial.estimator !== "decoupled") continue;
    const key = `${trial.tau_f} ${trial.tau_b}`;
    const running = trial.state === "running" || trial.state === "queued";
    const known = pairs.get(key);
    if (!known) pairs.set(key, { ...trial, running });
    else {
      known.running ||= running;
      if (trial.mean !== null && (known.mean === null || better(trial.mean, known.mean))) {
        Object.assign(known, trial, { running: known.running });
      }
    }
  }
  return [...pairs.values()];
}

/** What a point says of itself, in lines. */
function describe(point, f, b, study, decimals) {
  const lines = [`τf ${number(f, 6)}, τb ${number(b, 6)}`];
  const objective = words(study.objective.name);
  if (!point) lines.push("not run");
  else if (point.mean === null) lines.push(point.running ? "no value yet" : `${point.state}: ${point.reason ?? "no finite value"}`);
  else {
    lines.push(`${objective} ${score(point.mean, point.sem, decimals)}`);
    if (study.spec.learning_rates?.length > 1) lines.push(`learning rate ${number(point.lr, 6)}`);
    if (point.running) lines.push(study.state === "running" ? "still training" : "not finished");
  }
  if (f === b) lines.push("on the diagonal");
  return lines;
}

/** Makes the figure. `update(study, trials, results)` draws what is known; `results` may be null. */
export function landscape() {
  const plot = h("div", { class: "plot" });
  const legend = h("figcaption", { class: "legend" });
  const element = h("figure", { class: "landscape" }, plot, legend);
  let drawn = null; // {kind, key, update}

  function update(study, trials, results) {
    const found = points(trials, study.objective.direction);
    const axes = ["tau_f", "tau_b"].map((name) => planned(study.spec.search[name]));
    if (study.spec.search.tau_b_start !== undefined) axes[1]?.push(study.spec.search.tau_b_start);
    const free = axes.includes(null);
    const [tauF, tauB] = axes.map((values, i) => ascending([...(values ?? []), ...found.map((p) => (i ? p.tau_b : p.tau_f))]));
    const key = JSON.stringify([free, free || [tauF, tauB]]);
    const scale = colourScale(found.map((p) => p.mean), study.objective.direction);
    const decimals = decimalsFor(found.map((p) => p.mean));
    if (drawn?.key !== key) drawn = { key, update: free ? scatter(plot) : grid(plot, tauF, tauB) };
    drawn.update({ found, study, scale, decimals, marks: marks(results), say: (p, f, b) => describe(p, f, b, study, decimals) });
    put(legend, legendOf(study, found, scale, decimals, free));
  }

  return { element, update };
}

/** Which pairs are marked: the optimum of the search, and the best of it on the diagonal. */
function marks(results) {
  const place = (trial) => (trial && trial.tau_f !== null ? `${trial.tau_f} ${trial.tau_b ?? trial.tau_f}` : null);
  return { optimum: place(results?.best), diagonal: place(results?.diagonal_best), rival: results?.diagonal_best };
}

// --- the grid ---

function grid(plot, tauF, tauB) {
  const cells = new Map();
  const row = (b, y) => {
    const made = tauF.map((f, x) => {
      const cell = h("td", { class: f === b ? "cell diagonal" : "cell", tabindex: "-1", "data-x": x, "data-y": y });
      cells.set(`${f} ${b}`, { cell, f, b });
      return cell;
    });
    return h("tr", {}, h("th", { scope: "row" }, number(b, 6)), made);
  };
  const columns = tauF.map((f) => h("th", { scope: "col" }, h("span", {}, number(f, 6))));
  const table = h("table", { role: "grid", "aria-label": "Objective over the two temperatures; arrow keys move between its cells" },
    h("tbody", {}, tauB.toReversed().map(row), h("tr", { class: "labels" }, h("td", {}), columns)));
  const holder = h("div", { class: "grid-holder" }, table);
  put(plot,
    h("div", { class: "axis-y", "aria-hidden": "true" }, h("span", {}, "backward temperature ", tau("b"))), holder,
    h("div", { class: "axis-x", "aria-hidden": "true" }, "forward temperature ", tau("f")));

  let state = null;
  const at = (x, y) => table.querySelector(`[data-x="${x}"][data-y="${y}"]`);
  const clamp = (value, length) => Math.max(0, Math.min(length - 1, value));
  const take = roving(table, ".cell", (cell, dx, dy) =>
    at(clamp(Number(cell.dataset.x) + dx, tauF.length), clamp(Number(cell.dataset.y) + dy, tauB.length)));
  take(at(0, tauB.length - 1));
  const byCell = new Map([...cells.values()].map((c) => [c.cell, c]));
  const refreshTip = withTip(plot, ".cell", (cell) => byCell.get(cell).lines);

  function paint() {
    const byPair = new Map(state.found.map((p) => [`${p.tau_f} ${p.tau_b}`, p]));
    for (const [pair, entry] of cells) paintCell(entry, byPair.get(pair), pair, state);
    refreshTip();
  }

  onWidth(holder, (width) => {
    const label = 8 + 7 * Math.max(...tauB.map((b) => number(b, 6).length));
    const size = (width - label) / tauF.length;
    const every = Math.ceil((10 + 7 * Math.max(...tauF.map((f) => number(f, 6).length))) / size);
    columns.forEach((th, i) => th.classList.toggle("unlabelled", i % every !== 0));
    table.classList.toggle("numbers", size >= NUMBERS_FROM);
    setStyle(table, { "--label": `${label}px`, "--cell": `${Math.max(14, Math.min(size, 46))}px` });
  });

  return (now) => {
    state = now;
    paint();
  };
}

/** Touches only what has changed: a grid of hundreds of cells is painted every few seconds. */
function paintCell(entry, point, pair, { study, scale, decimals, marks, say }) {
  const kind = !point ? "absent" : point.mean !== null ? (point.running ? "partial" : "done") : point.running ? "waiting" : "void";
  const mark = pair === marks.optimum ? "optimum" : pair === marks.diagonal ? "rival" : "";
  const said = say(point, entry.f, entry.b);
  if (mark === "optimum") said.push("the optimum");
  if (mark === "rival") said.push("the best on the diagonal");
  const looks = JSON.stringify([kind, mark, said, point?.mean, scale.good, scale.bad]);
  if (entry.looks === looks) return;
  Object.assign(entry, { looks, lines: said });
  const { cell } = entry;
  cell.className = `cell ${kind}${entry.f === entry.b ? " diagonal" : ""}`;
  const coloured = point && point.mean !== null;
  setStyle(cell, {
    "--fill": coloured ? scale.colour(point.mean) : "transparent",
    "--ink": coloured ? scale.ink(point.mean) : "inherit",
  });
  cell.setAttribute("aria-label", said.join(", "));
  put(cell, mark && h("span", { class: `mark ${mark}` }), coloured && h("span", { class: "value" }, fixed(point.mean, Math.min(decimals, 3))));
}

// --- the legend ---

function legendOf(study, found, scale, decimals, free) {
  const objective = words(study.objective.name);
  const better = study.objective.direction === "minimize" ? "lower" : "higher";
  const past = study.objective.direction === "minimize" ? "≥ " : "≤ ";
  const seen = (test) => found.some(test);
  const bar = h("span", { class: "gradient", "aria-hidden": "true", css: { background: GRADIENT } });
  const key = (swatch, text) => h("span", { class: "key" }, h("span", { class: `swatch ${swatch}`, "aria-hidden": "true" }), text);
  return [
    scale.good !== null && h("span", { class: "scale" },
      h("span", {}, `${objective}, ${better} is better`),
      h("span", { class: "ends" }, fixed(scale.good, decimals), bar, `${scale.clipped ? past : ""}${fixed(scale.bad, decimals)}`)),
    h("span", { class: "keys" },
      key("optimum", "optimum"),
      key("rival", "best on the diagonal"),
      key(free ? "line-swatch" : "diagonal", h("span", {}, "diagonal ", tau("f"), " = ", tau("b"))),
      seen((p) => p.running) && key("partial", study.state === "running" ? "training" : "unfinished"),
      seen((p) => p.mean === null && !p.running) && key("void", "no finite value")),
  ];
}
