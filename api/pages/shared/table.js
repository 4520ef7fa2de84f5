// @ts-check
/**
 * Tables. A wide one scrolls by itself, also with the keyboard; on a phone each row becomes a card, whose values have
 * their names beside them. The roles are said because browsers take a table that is shown as cards for none.
 */

import { h } from "./dom.js";

/** @import { Child } from "./types.js" */

/**
 * A column: `label` names its values where the head is not seen, or where its title is a symbol.
 * @typedef {object} Head
 * @property {Child} title
 * @property {string} [label]
 * @property {boolean} [numeric]
 * @property {string} [kind] a class of its cells
 */

/**
 * The name of a column's values.
 * @param {Head} head
 */
export function labelOf({ title, label }) {
  return label ?? (title instanceof Node ? (title.textContent ?? "") : String(title ?? ""));
}

/**
 * A row, whose first cell names it.
 * @param {Head[]} heads
 * @param {Child[]} cells
 */
export function tableRow(heads, cells) {
  const made = cells.map((content, i) => {
    const head = heads[i] ?? { title: "" };
    const kinds = [i > 0 && head.numeric && "num", head.kind].filter(Boolean).join(" ") || null;
    if (i === 0) return h("th", { scope: "row", role: "rowheader", class: kinds }, content);
    return h("td", { role: "cell", class: kinds, "data-label": labelOf(head) }, content);
  });
  return h("tr", { role: "row" }, made);
}

/**
 * A table with its head; `cells` are put into it, or into `body` later.
 * @param {string} label
 * @param {Head[]} heads
 * @param {Child[][]} [rows]
 * @param {string} [kind] a class of the table
 */
export function table(label, heads, rows = [], kind = "") {
  const head = heads.map(({ title, numeric, kind: own }, i) =>
    h(
      "th",
      { scope: "col", role: "columnheader", class: `${i > 0 && numeric ? "num" : ""} ${own ?? ""}` },
      title,
    ),
  );
  return wide(
    label,
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
    h(
      "tbody",
      { role: "rowgroup" },
      rows.map((cells) => tableRow(heads, cells)),
    ),
    kind,
  );
}

/**
 * @param {string} label
 * @param {HTMLTableSectionElement} head
 * @param {HTMLTableSectionElement} body
 * @param {string} kind
 */
export function wide(label, head, body, kind) {
  const made = h("table", { role: "table", "aria-label": label, class: `cards ${kind}` }, head, body);
  return h("div", { class: "wide", role: "region", "aria-label": `Table of ${label}`, tabindex: "0" }, made);
}
