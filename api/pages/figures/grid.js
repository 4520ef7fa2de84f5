// @ts-check
/**
 * The landscape of a grid: a table, because it is one. Each cell has its row and column, can be focused,
 * and says what it is.
 */

import { h, onWidth, put, setStyle, tau } from "../shared/dom.js";
import { fixed, number } from "../shared/format.js";
import { markAt, pairKey } from "./points.js";
import { roving, withTip } from "./tip.js";

/** @import { Point } from "./points.js" */
/** @import { Shown } from "./landscape.js" */
/** @typedef {{cell: HTMLTableCellElement, f: number, b: number, looks: string, lines: string[]}} Entry */

const NUMBERS_FROM = 42; // pixels of a cell's width in which a number is readable
const CELL = { least: 14, most: 46 }; // pixels of a cell's height

/**
 * Fills `plot` with an empty table; returns the function that paints it.
 * @param {HTMLElement} plot
 * @param {number[]} tauF
 * @param {number[]} tauB
 * @returns {(now: Shown) => void}
 */
export function grid(plot, tauF, tauB) {
  /** @type {Map<string, Entry>} */
  const entries = new Map();
  const { table, columns } = emptyTable(tauF, tauB, entries);
  const holder = h("div", { class: "grid-holder" }, table);
  const backward = h("span", {}, "backward temperature ", tau("b"));
  put(
    plot,
    h("div", { class: "axis-y", "aria-hidden": "true" }, backward),
    holder,
    h("div", { class: "axis-x", "aria-hidden": "true" }, "forward temperature ", tau("f")),
  );
  /** @type {Map<Element, () => void>} */
  const opens = new Map();
  walkable(table, tauF.length, tauB.length, (cell) => opens.get(cell)?.());
  const byCell = new Map([...entries.values()].map((entry) => [/** @type {Element} */ (entry.cell), entry]));
  const refreshTip = withTip(plot, ".cell", (cell) => byCell.get(cell)?.lines ?? [""]);

  onWidth(holder, (width) => {
    const label = 8 + 7 * longest(tauB);
    const size = (width - label) / tauF.length;
    const every = Math.ceil((10 + 7 * longest(tauF)) / size);
    columns.forEach((th, i) => th.classList.toggle("unlabelled", i % every !== 0));
    table.classList.toggle("numbers", size >= NUMBERS_FROM);
    const height = Math.max(CELL.least, Math.min(size, CELL.most));
    setStyle(table, { "--label": `${label}px`, "--cell": `${height}px` });
  });

  return (now) => {
    const byPair = new Map(now.found.map((p) => [pairKey(p.tau_f, p.tau_b), p]));
    for (const [pair, entry] of entries) {
      const point = byPair.get(pair);
      paint(entry, point, pair, now);
      if (point) opens.set(entry.cell, () => now.open(point));
    }
    refreshTip();
  };
}

/** @param {number[]} values */
const longest = (values) => Math.max(...values.map((value) => number(value, 6).length));

/**
 * @param {number[]} tauF
 * @param {number[]} tauB
 * @param {Map<string, Entry>} entries filled with the cells
 */
function emptyTable(tauF, tauB, entries) {
  const row = (/** @type {number} */ b, /** @type {number} */ y) => {
    const cells = tauF.map((f, x) => {
      const cell = h("td", {
        class: "cell",
        tabindex: "-1",
        "data-x": x,
        "data-y": y,
      });
      entries.set(pairKey(f, b), { cell, f, b, looks: "", lines: [] });
      return cell;
    });
    return h("tr", {}, h("th", { scope: "row" }, number(b, 6)), cells);
  };
  const columns = tauF.map((f) => h("th", { scope: "col" }, h("span", {}, number(f, 6))));
  const label = "Objective over the two temperatures; arrow keys move between its cells, Enter opens a trial";
  const body = h("tbody", {}, tauB.toReversed().map(row), h("tr", { class: "labels" }, h("td", {}), columns));
  return {
    table: h("table", { role: "grid", "aria-label": label }, body),
    columns,
  };
}

/**
 * Arrow keys move between the cells; the Tab key stops at one of them.
 * @param {HTMLTableElement} table
 * @param {number} width
 * @param {number} height
 * @param {(cell: Element) => void} open
 */
function walkable(table, width, height, open) {
  /** @type {(x: number, y: number) => HTMLElement | null} */
  const at = (x, y) => table.querySelector(`[data-x="${x}"][data-y="${y}"]`);
  const clamp = (/** @type {number} */ value, /** @type {number} */ length) =>
    Math.max(0, Math.min(length - 1, value));
  const step = (
    /** @type {HTMLElement | SVGElement} */ { dataset },
    /** @type {number} */ dx,
    /** @type {number} */ dy,
  ) => at(clamp(Number(dataset.x) + dx, width), clamp(Number(dataset.y) + dy, height));
  const take = roving(table, ".cell", step, open);
  const corner = at(0, height - 1);
  if (corner) take(corner);
}

/**
 * Touches only what has changed: a grid of hundreds of cells is painted every few seconds.
 * @param {Entry} entry
 * @param {Point | undefined} point
 * @param {string} pair
 * @param {Shown} shown
 */
function paint(entry, point, pair, { scale, decimals, marks, say }) {
  const { cell, f, b } = entry;
  const mean = point?.mean ?? null;
  const kind = point?.kind ?? "absent";
  const mark = markAt(pair, marks);
  const lines = say(point, f, b);
  const looks = [kind, mark, mean, scale.good, scale.bad, ...lines].join("|");
  if (entry.looks === looks) return;
  Object.assign(entry, { looks, lines });
  cell.className = `cell ${kind}${f === b ? " diagonal" : ""}`;
  setStyle(cell, {
    "--fill": mean === null ? "transparent" : scale.colour(mean),
    "--ink": mean === null ? "inherit" : scale.ink(mean),
  });
  cell.setAttribute("aria-label", lines.join(", "));
  put(
    cell,
    mark && h("span", { class: `mark ${mark}` }),
    mean !== null && h("span", { class: "value" }, fixed(mean, Math.min(decimals, 3))),
  );
}
