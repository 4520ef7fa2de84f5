// @ts-check
/** A table that sorts by any of its columns, a page at a time, so that a thousand rows cost what a few do. */

import { h, put } from "./dom.js";
import { count } from "./format.js";
import { labelOf, tableRow, wide } from "./table.js";

/** @import { Child } from "./types.js" */
/** @import { Head } from "./table.js" */

/** @typedef {number | string | null | undefined} Sortable */
/**
 * A column of rows of one kind; one without a `value` cannot be sorted by.
 * @template Row
 * @typedef {Head & {key: string, value?: (row: Row) => Sortable, cell: (row: Row) => Child}} Column
 */
/**
 * @template Row
 * @typedef {object} Options
 * @property {string} label
 * @property {string} kind a class of the table
 * @property {Column<Row>[]} columns
 * @property {{key: string, descending: boolean}} order
 * @property {number} rows on a page
 * @property {(row: Row) => string} id
 * @property {(row: Row) => unknown} version a row is drawn anew where it is another
 * @property {string} one what a row is
 * @property {string} many
 */

/**
 * Rows in the order of a value; those without one come last, whichever way, and equal ones stay as they were.
 * @template Row
 * @param {Row[]} rows
 * @param {(row: Row) => Sortable} value
 * @param {boolean} descending
 * @returns {Row[]}
 */
export function sorted(rows, value, descending) {
  const sign = descending ? -1 : 1;
  const missing = (/** @type {Sortable} */ x) => Number(x === null || x === undefined || x === "");
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (missing(x) || missing(y)) return missing(x) - missing(y);
    if (typeof x === "string" && typeof y === "string") return sign * x.localeCompare(y);
    return sign * (Number(x) - Number(y));
  });
}

/** @template Row */
export class SortedTable {
  /** @param {Options<Row>} options */
  constructor(options) {
    this.options = options;
    this.order = options.order;
    this.page = 0;
    /** @type {Row[]} */
    this.all = [];
    /** @type {Map<string, {version: unknown, element: HTMLTableRowElement}>} */
    this.drawn = new Map();
    /** @type {HTMLTableRowElement[]} */
    this.shown = [];
    this.head = h("tr", { role: "row" });
    this.body = h("tbody", { role: "rowgroup" });
    this.pager = h("div", { class: "pager" });
    const top = h("thead", { role: "rowgroup" }, this.head);
    const scrolling = wide(options.label, top, this.body, `sortable ${options.kind}`);
    this.element = h("div", {}, scrolling, this.pager);
    this.writeHead();
  }

  /** @param {Row[]} rows */
  show(rows) {
    this.all = rows;
    this.draw();
  }

  /** Draws all rows anew: what they depend on beside themselves has changed. */
  renew() {
    this.drawn.clear();
    this.draw();
  }

  writeHead() {
    put(
      this.head,
      this.options.columns.map((column) => this.headOf(column)),
    );
  }

  /** @param {Column<Row>} column */
  headOf(column) {
    const { key, title, label, numeric, kind, value } = column;
    const press = () => this.sortBy(key);
    const button = h("button", { type: "button", class: "sort", "aria-label": label, click: press }, title);
    const attributes = { scope: "col", role: "columnheader", class: `${numeric ? "num" : ""} ${kind ?? ""}` };
    if (!value) return h("th", attributes, h("span", {}, title ?? labelOf(column)));
    return h("th", { ...attributes, "data-key": key, "aria-sort": this.direction(key) }, button);
  }

  /** @param {string} key */
  direction(key) {
    if (this.order.key !== key) return "none";
    return this.order.descending ? "descending" : "ascending";
  }

  /** @param {string} key */
  sortBy(key) {
    this.order = { key, descending: this.order.key === key && !this.order.descending };
    this.page = 0;
    for (const th of this.head.children) {
      const mine = th.getAttribute("data-key");
      if (mine) th.setAttribute("aria-sort", this.direction(mine));
    }
    this.draw();
  }

  draw() {
    const { columns, rows: size } = this.options;
    const pages = Math.max(1, Math.ceil(this.all.length / size));
    this.page = Math.min(this.page, pages - 1);
    const first = this.page * size;
    const value = columns.find(({ key }) => key === this.order.key)?.value;
    const order = value ? sorted(this.all, value, this.order.descending) : this.all;
    const rows = order.slice(first, first + size).map((row) => this.rowOf(row));
    const same = rows.length === this.shown.length && rows.every((row, i) => row === this.shown[i]);
    if (!same) put(this.body, rows); // rows that are still there keep the focus
    this.shown = rows;
    this.turn(pages, first, rows.length);
  }

  /** @param {Row} row */
  rowOf(row) {
    const { id, version, columns } = this.options;
    const before = this.drawn.get(id(row));
    if (before && Object.is(before.version, version(row))) return before.element;
    const element = tableRow(
      columns,
      columns.map(({ cell }) => cell(row)),
    );
    this.drawn.set(id(row), { version: version(row), element });
    return element;
  }

  /**
   * The buttons that turn the page.
   * @param {number} pages
   * @param {number} first
   * @param {number} shown
   */
  turn(pages, first, shown) {
    const all = count(this.all.length, this.options.one, this.options.many);
    const button = (/** @type {number} */ by, /** @type {string} */ text) => {
      const disabled = this.page + by < 0 || this.page + by >= pages;
      return h("button", { type: "button", disabled, click: () => this.go(by) }, text);
    };
    put(
      this.pager,
      pages > 1 && button(-1, "Previous"),
      h("span", {}, pages > 1 ? `${first + 1} to ${first + shown} of ${all}` : all),
      pages > 1 && button(1, "Next"),
    );
  }

  /** @param {number} by */
  go(by) {
    this.page += by;
    this.draw();
    const [previous, next] = this.pager.querySelectorAll("button");
    const [pressed, other] = by > 0 ? [next, previous] : [previous, next];
    (pressed?.disabled ? other : pressed)?.focus();
  }
}
