/** The table of trials: sorts by any column, a page at a time, so that a thousand rows cost what a few do. */

import { h, put, tau } from "./dom.js";
import { capital, count, decimalsFor, fixed, number, words } from "./format.js";
import { badge } from "./state.js";

const PAGE = 25;

const COLUMNS = [
  { key: "number", title: () => "Trial", numeric: true, cell: (t) => String(t.number) },
  { key: "role", title: () => "Role", cell: (t) => t.role },
  { key: "estimator", title: () => "Estimator", cell: (t) => [t.estimator, t.variant && h("small", { class: "beneath" }, variantOf(t.variant))] },
  { key: "tau_f", title: () => tau("f"), name: "tau f", numeric: true, cell: (t) => number(t.tau_f, 6) },
  { key: "tau_b", title: () => tau("b"), name: "tau b", numeric: true, cell: (t) => number(t.tau_b, 6) },
  { key: "lr", title: () => "Learning rate", numeric: true, cell: (t) => number(t.lr, 6) },
  { key: "state", title: () => "State", cell: (t) => [badge(t.state), t.reason && h("small", { class: "reason" }, t.reason)] },
  { key: "mean", title: (objective) => capital(objective), numeric: true, cell: (t, decimals) => fixed(t.mean, decimals) },
  { key: "sem", title: () => "± SE", name: "standard error", numeric: true, cell: (t, decimals) => fixed(t.sem, decimals) },
];

/** What else a trial is trained with, from its JSON: a schedule, a scaled logit layer. */
function variantOf(text) {
  const { schedule, logit_scale: scale, ...rest } = JSON.parse(text);
  const parts = [schedule && `schedule of ${count(schedule.length, "part")}`, scale && `logit layer × ${number(scale, 4)}`];
  return [...parts, Object.keys(rest).length && JSON.stringify(rest)].filter(Boolean).join(", ");
}

/** Trials in the order of a column; those without a value come last, whichever way. */
export function sorted(trials, key, descending) {
  const sign = descending ? -1 : 1;
  return [...trials].sort((a, b) => {
    const [x, y] = [a[key], b[key]];
    if (x === null || y === null) return (x === null) - (y === null) || a.number - b.number;
    return sign * (x < y ? -1 : x > y ? 1 : 0) || a.number - b.number;
  });
}

/** Makes the table. `update(study, trials)` shows them in the order that was chosen. */
export function trialsTable() {
  const body = h("tbody", {});
  const head = h("tr", {});
  const pager = h("div", { class: "pager" });
  const element = h("div", {},
    h("div", { class: "wide", role: "region", "aria-label": "Table of trials", tabindex: "0" },
      h("table", { class: "trials" }, h("thead", {}, head), body)),
    pager);
  let [study, trials, order, page] = [null, [], { key: "number", descending: false }, 0];

  function header() {
    put(head, COLUMNS.map((column) => {
      const sort = order.key !== column.key ? "none" : order.descending ? "descending" : "ascending";
      const press = () => {
        order = { key: column.key, descending: order.key === column.key && !order.descending };
        page = 0;
        for (const th of head.children) th.setAttribute("aria-sort", "none");
        head.children[COLUMNS.indexOf(column)].setAttribute("aria-sort", order.descending ? "descending" : "ascending");
        rows();
      };
      return h("th", { scope: "col", class: column.numeric && "num", "aria-sort": sort },
        h("button", { type: "button", class: "sort", "aria-label": column.name, click: press }, column.title(words(study.objective.name))));
    }));
  }

  function rows() {
    const pages = Math.max(1, Math.ceil(trials.length / PAGE));
    page = Math.min(page, pages - 1);
    const decimals = decimalsFor(trials.map((t) => t.mean));
    const shown = sorted(trials, order.key, order.descending).slice(page * PAGE, (page + 1) * PAGE);
    put(body, shown.map((trial) =>
      h("tr", {}, COLUMNS.map((column) => h("td", { class: column.numeric && "num" }, column.cell(trial, decimals))))));
    const turn = (by) => () => {
      page += by;
      rows();
      pager.querySelector(by > 0 ? "button:last-of-type:enabled" : "button:enabled")?.focus();
    };
    put(pager,
      pages > 1 && h("button", { type: "button", disabled: page === 0, click: turn(-1) }, "Previous"),
      h("span", {}, pages > 1 ? `${page * PAGE + 1} to ${page * PAGE + shown.length} of ${count(trials.length, "trial")}` : count(trials.length, "trial")),
      pages > 1 && h("button", { type: "button", disabled: page === pages - 1, click: turn(1) }, "Next"));
  }

  return {
    element,
    update(nowStudy, nowTrials) {
      const first = study === null;
      const same = !first && JSON.stringify(nowTrials) === JSON.stringify(trials);
      [study, trials] = [nowStudy, nowTrials];
      if (first) header();
      if (!same) rows();
    },
  };
}
