// @ts-check
/** The list of studies: newest first, live, a page at a time. */

import { h, put, whenChanged } from "../shared/dom.js";
import { ago, moment } from "../shared/format.js";
import { get } from "../shared/http.js";
import { stateName } from "../shared/labels.js";
import { poll } from "../shared/live.js";
import { progressBar } from "../shared/progress.js";
import { MOVING, UNDER_WAY, badge } from "../shared/state.js";
import { verdictOf } from "../shared/verdicts.js";

/** @import { Page, StudySummary } from "../shared/types.js" */

const LIMIT = "20";
const STATES = ["queued", "running", "succeeded", "failed", "cancelled", "interrupted"];

/**
 * Fills `main`; ends when `signal` aborts.
 * @param {HTMLElement} main
 * @param {AbortSignal} signal
 */
export async function list(main, signal) {
  /** @type {(string | null)[]} */
  let cursors = [null]; // of every page up to this one
  let state = "";
  let pause = 3000;
  const studies = new Table();
  const pager = h("div", { class: "pager" });
  const status = h("p", { class: "empty", role: "status" }, "Loading the studies …");
  const filtered = () => {
    state = filter.value;
    cursors = [null];
    refresh();
  };
  const options = STATES.map((name) => h("option", { value: name }, stateName(name)));
  const all = h("option", { value: "" }, "all");
  const filter = h("select", { id: "state-filter", change: filtered }, all, options);
  const actions = h(
    "div",
    { class: "actions" },
    h("label", { class: "inline", for: "state-filter" }, "State ", filter),
    h("a", { class: "button primary", href: "#/new" }, "New study"),
  );
  const title = h("div", { class: "title-row" }, h("h1", { tabindex: "-1" }, "Studies"), actions);
  put(main, h("div", { class: "page" }, title, status, studies.element, pager));

  async function refresh() {
    const asked = { state, cursor: cursors.at(-1) };
    const query = new URLSearchParams({ limit: LIMIT });
    if (asked.state) query.set("state", asked.state);
    if (asked.cursor) query.set("cursor", asked.cursor);
    /** @type {Page<StudySummary>} */
    const page = await get(`studies?${query}`, signal);
    if (asked.state !== state || asked.cursor !== cursors.at(-1)) return; // the page was turned
    pause = page.items.some((study) => MOVING.has(study.state)) ? 3000 : 10_000;
    status.hidden = page.items.length > 0;
    put(status, state ? `No study is ${stateName(state)}.` : howToBegin());
    studies.show(page.items);
    turn(page);
  }

  const turn = whenChanged((/** @type {Page<StudySummary>} */ { next }) => {
    const newer = () => {
      cursors.pop();
      refresh();
    };
    const older = () => {
      cursors.push(next);
      refresh();
    };
    put(
      pager,
      cursors.length > 1 && h("button", { type: "button", id: "newer", click: newer }, "Newer"),
      next && h("button", { type: "button", id: "older", click: older }, "Older"),
    );
  });

  await poll(refresh, () => pause, signal);
}

function howToBegin() {
  const start = h("a", { href: "#/new" }, "Start one");
  return [
    "There is no study yet. ",
    start,
    ": the preset sbn-digits needs no download and takes a minute or two.",
  ];
}

/**
 * A row for each study; a row whose study has not changed is not touched, so that it keeps the focus. The roles are
 * said because on a phone the rows are shown as cards, and browsers then take a table for none.
 */
class Table {
  constructor() {
    /** @type {Map<string, ReturnType<typeof row>>} */
    this.rows = new Map();
    this.order = "";
    this.body = h("tbody", { role: "rowgroup" });
    const column = (/** @type {string} */ text) => h("th", { scope: "col", role: "columnheader" }, text);
    const head = h("tr", { role: "row" }, ["Study", "State", "Verdict"].map(column));
    const table = h(
      "table",
      { class: "studies", role: "table", "aria-label": "Studies" },
      h("thead", { role: "rowgroup" }, head),
      this.body,
    );
    this.element = h("div", { class: "studies-card", hidden: true }, table);
  }

  /** @param {StudySummary[]} studies */
  show(studies) {
    this.element.hidden = studies.length === 0;
    const rows = studies.map((study) => {
      const known = this.rows.get(study.id) ?? row(study);
      this.rows.set(study.id, known);
      known.update(study);
      return known.element;
    });
    const order = studies.map((study) => study.id).join(" ");
    if (order !== this.order) put(this.body, rows);
    this.order = order;
  }
}

/** @param {StudySummary} study */
function row({ id, name, task, dataset, created_at: created }) {
  const state = h("td", { class: "row-state", role: "cell" });
  const verdict = h("td", { class: "row-verdict", role: "cell" });
  const when = h("time", { datetime: created, title: moment(created) });
  const bar = progressBar(`Progress of ${name}`);
  const about = h("p", { class: "hint" }, `${task} · ${dataset} · `, h("code", {}, id), " · ", when);
  const link = h("a", { href: `#/studies/${id}` }, name);
  const element = h(
    "tr",
    { class: "study-row", role: "row" },
    h("th", { scope: "row", role: "rowheader", class: "row-name" }, link, about),
    state,
    verdict,
  );
  const write = whenChanged(
    (/** @type {string} */ shown, /** @type {boolean} */ underWay, /** @type {string} */ said) => {
      put(state, badge(shown), underWay && bar.element);
      put(verdict, said);
    },
  );
  return {
    element,
    /** @param {StudySummary} now */
    update(now) {
      put(when, ago(now.created_at));
      bar.update(now);
      const said = MOVING.has(now.state) ? "" : verdictOf(now.state, now.verdict, false).text;
      write(now.cancelling ? "cancelling" : now.state, UNDER_WAY.has(now.state), said);
    },
  };
}
