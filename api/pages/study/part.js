// @ts-check
/** The parts that a study's page is made of: each has an element, and shows what is known of the study. */

import { h } from "../shared/dom.js";

/** @import { Child, Known } from "../shared/types.js" */

/** @typedef {{element: HTMLElement, update: (known: Known) => void}} Part */

/**
 * A titled section of the page.
 * @param {string} title
 * @param {...Child} content
 */
export function section(title, ...content) {
  const id = `section-${title.toLowerCase().replaceAll(" ", "-")}`;
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...content);
}

/**
 * A table that may be wider than the screen: it scrolls by itself, also with the keyboard.
 * @param {string} label
 * @param {HTMLTableElement} table
 */
export function wide(label, table) {
  return h("div", { class: "wide", role: "region", "aria-label": label, tabindex: "0" }, table);
}

/**
 * A table whose first column names the rows.
 * @param {string} label
 * @param {Child[]} heads
 * @param {Child[][]} rows elements of class td, or what becomes a numeric one
 */
export function table(label, heads, rows) {
  const head = heads.map((text, i) => h("th", { scope: "col", class: i > 0 && "num" }, text));
  const cell = (/** @type {Child} */ content) =>
    content instanceof HTMLTableCellElement ? content : h("td", { class: "num" }, content);
  const body = rows.map(([first, ...cells]) =>
    h("tr", {}, h("th", { scope: "row" }, first), cells.map(cell)),
  );
  return wide(label, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)));
}
