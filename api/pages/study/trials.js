// @ts-check
/** The table of trials: sorts by any column, a page at a time, so that a thousand rows cost what a few do. */

import { h, put, tau, whenChanged } from "../shared/dom.js";
import { capital, count, decimalsFor, fixed, number } from "../shared/format.js";
import { methodName } from "../shared/labels.js";
import { badge } from "../shared/state.js";
import { cutNote } from "./figures.js";
import { section, wide } from "./part.js";

/** @import { BriefTrial, BriefTrials, Child } from "../shared/types.js" */
/** @import { Part } from "./part.js" */

/** @typedef {"number" | "role" | "estimator" | "tau_f" | "tau_b" | "lr" | "state" | "mean" | "sem"} Key */
/**
 * @typedef {object} Column
 * @property {Key} key
 * @property {(objective: string) => Child} title
 * @property {string} [name] for those who listen, where the title is a symbol
 * @property {boolean} [numeric]
 * @property {(trial: BriefTrial, decimals: number) => Child} cell
 */

const ROWS = 25;

/** @type {Column[]} */
const COLUMNS = [
  {
    key: "number",
    title: () => "Trial",
    numeric: true,
    cell: (t) => String(t.number),
  },
  { key: "role", title: () => "Role", cell: (t) => t.role },
  {
    key: "estimator",
    title: () => "Estimator",
    cell: (t) => [methodName(t.estimator), variantOf(t)],
  },
  {
    key: "tau_f",
    title: () => tau("f"),
    name: "tau f",
    numeric: true,
    cell: (t) => number(t.tau_f, 6),
  },
  {
    key: "tau_b",
    title: () => tau("b"),
    name: "tau b",
    numeric: true,
    cell: (t) => number(t.tau_b, 6),
  },
  {
    key: "lr",
    title: () => "Learning rate",
    numeric: true,
    cell: (t) => number(t.lr, 6),
  },
  {
    key: "state",
    title: () => "State",
    cell: (t) => [badge(t.state), reasonOf(t)],
  },
  {
    key: "mean",
    title: capital,
    numeric: true,
    cell: (t, decimals) => fixed(t.mean, decimals),
  },
  {
    key: "sem",
    title: () => "± SE",
    name: "standard error",
    numeric: true,
    cell: (t, decimals) => fixed(t.sem, decimals),
  },
];

/** @param {BriefTrial} trial */
function reasonOf({ reason }) {
  return reason && h("small", { class: "reason" }, reason);
}

/**
 * What else a trial is trained with, from its JSON: a schedule, a scaled logit layer.
 * @param {BriefTrial} trial
 */
function variantOf({ variant }) {
  if (!variant) return null;
  const { schedule, logit_scale: scale, ...rest } = JSON.parse(variant);
  const parts = [
    schedule && `schedule of ${count(schedule.length, "part")}`,
    scale && `logit layer × ${number(scale, 4)}`,
    Object.keys(rest).length > 0 && JSON.stringify(rest),
  ];
  return h("small", { class: "beneath" }, parts.filter(Boolean).join(", "));
}

/**
 * Trials in the order of a column; those without a value come last, whichever way.
 * @param {BriefTrial[]} trials
 * @param {Key} key
 * @param {boolean} descending
 */
export function sorted(trials, key, descending) {
  const sign = descending ? -1 : 1;
  return [...trials].sort((a, b) => {
    const [x, y] = [a[key], b[key]];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || a.number - b.number;
    return sign * (x < y ? -1 : x > y ? 1 : 0) || a.number - b.number;
  });
}

/** @returns {Part} */
export function trialsTable() {
  const table = new Table();
  const cut = cutNote();
  const draw = whenChanged((/** @type {BriefTrials} */ trials) => {
    table.show(trials.items);
    cut.update(trials);
  });
  return {
    element: section("Trials", table.element, cut.element),
    update({ study, trials }) {
      table.name(study.objective.label);
      draw(trials);
    },
  };
}

class Table {
  constructor() {
    /** @type {BriefTrial[]} */
    this.trials = [];
    /** @type {{key: Key, descending: boolean}} */
    this.order = { key: "number", descending: false };
    this.page = 0;
    this.head = h("tr", {});
    this.body = h("tbody", {});
    this.pager = h("div", { class: "pager" });
    const table = h("table", { class: "trials" }, h("thead", {}, this.head), this.body);
    this.element = h("div", {}, wide("Table of trials", table), this.pager);
    this.name = whenChanged((/** @type {string} */ objective) => put(this.head, this.heads(objective)));
  }

  /** @param {BriefTrial[]} trials */
  show(trials) {
    this.trials = trials;
    this.rows();
  }

  /** @param {string} objective */
  heads(objective) {
    return COLUMNS.map((column) => {
      const { key, title, name, numeric } = column;
      const press = () => this.sort(key);
      const button = h(
        "button",
        { type: "button", class: "sort", "aria-label": name, click: press },
        title(objective),
      );
      const attributes = {
        scope: "col",
        class: numeric && "num",
        "data-key": key,
        "aria-sort": this.sign(key),
      };
      return h("th", attributes, button);
    });
  }

  /** @param {Key} key */
  sign(key) {
    if (this.order.key !== key) return "none";
    return this.order.descending ? "descending" : "ascending";
  }

  /** @param {Key} key */
  sort(key) {
    this.order = {
      key,
      descending: this.order.key === key && !this.order.descending,
    };
    this.page = 0;
    for (const th of this.head.children) {
      th.setAttribute("aria-sort", th.getAttribute("data-key") === key ? this.sign(key) : "none");
    }
    this.rows();
  }

  rows() {
    const pages = Math.max(1, Math.ceil(this.trials.length / ROWS));
    this.page = Math.min(this.page, pages - 1);
    const first = this.page * ROWS;
    const decimals = decimalsFor(this.trials.map((t) => t.mean));
    const shown = sorted(this.trials, this.order.key, this.order.descending).slice(first, first + ROWS);
    put(
      this.body,
      shown.map((trial) => rowOf(trial, decimals)),
    );
    this.turn(pages, first, shown.length);
  }

  /**
   * The buttons that turn the page.
   * @param {number} pages
   * @param {number} first
   * @param {number} shown
   */
  turn(pages, first, shown) {
    const all = count(this.trials.length, "trial");
    const button = (/** @type {number} */ by, /** @type {string} */ text) =>
      h(
        "button",
        {
          type: "button",
          disabled: !this.has(this.page + by, pages),
          click: () => this.go(by),
        },
        text,
      );
    put(
      this.pager,
      pages > 1 && button(-1, "Previous"),
      h("span", {}, pages > 1 ? `${first + 1} to ${first + shown} of ${all}` : all),
      pages > 1 && button(1, "Next"),
    );
  }

  /**
   * @param {number} page
   * @param {number} pages
   */
  has(page, pages) {
    return page >= 0 && page < pages;
  }

  /** @param {number} by */
  go(by) {
    this.page += by;
    this.rows();
    const [previous, next] = this.pager.querySelectorAll("button");
    const pressed = by > 0 ? next : previous;
    (pressed?.disabled ? (by > 0 ? previous : next) : pressed)?.focus();
  }
}

/**
 * @param {BriefTrial} trial
 * @param {number} decimals
 */
function rowOf(trial, decimals) {
  return h(
    "tr",
    {},
    COLUMNS.map(({ numeric, cell }) => h("td", { class: numeric && "num" }, cell(trial, decimals))),
  );
}
