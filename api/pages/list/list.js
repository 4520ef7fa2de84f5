// @ts-check
/** The list of studies, live: searched, filtered, sorted, and chosen from for a comparison. */

import { h, put } from "../shared/dom.js";
import { count } from "../shared/format.js";
import { get } from "../shared/http.js";
import { stateName } from "../shared/labels.js";
import { away } from "../shared/links.js";
import { poll } from "../shared/live.js";
import { MOVING } from "../shared/state.js";
import { StudiesTable } from "./studies_table.js";

/** @import { Page, StudySummary } from "../shared/types.js" */

const LOADED = 100; // studies, and so many more with each press of the button
const MOST_LOADED = 1000; // the API's limit
const QUIET_MS = 300; // after the last key before the service is asked
const STATES = ["queued", "running", "succeeded", "failed", "cancelled", "interrupted"];

/**
 * Fills `main`; ends when `signal` aborts.
 * @param {HTMLElement} main
 * @param {AbortSignal} signal
 */
export async function list(main, signal) {
  const view = new List(signal);
  put(main, view.element);
  await poll(
    () => view.refresh(),
    () => view.pause,
    signal,
  );
}

class List {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.signal = signal;
    this.limit = LOADED;
    this.pause = 3000; // ms between two looks
    /** @type {number | undefined} */
    this.timer = undefined;
    this.table = new StudiesTable(signal, () => this.showChosen());
    this.search = h("input", {
      type: "search",
      id: "study-search",
      placeholder: "Name, task, dataset, tag …",
      autocomplete: "off",
      spellcheck: "false",
      input: () => this.asked(QUIET_MS),
    });
    const options = STATES.map((name) => h("option", { value: name }, stateName(name)));
    const all = h("option", { value: "" }, "all");
    this.state = h("select", { id: "state-filter", change: () => this.asked(0) }, all, options);
    this.status = h("p", { class: "empty", role: "status" }, "Loading the studies …");
    this.more = h("div", { class: "pager" });
    this.compare = h("a", { class: "button", href: "#/" }, "Compare");
    this.optima = h("span", { class: "optima" });
    this.element = this.laidOut();
    this.showChosen();
  }

  laidOut() {
    const title = h(
      "div",
      { class: "title-row" },
      h("h1", { tabindex: "-1" }, "Studies"),
      h(
        "div",
        { class: "actions" },
        this.optima,
        this.compare,
        h("a", { class: "button primary", href: "#/new" }, "New study"),
      ),
    );
    const filters = h(
      "div",
      { class: "filters", role: "search" },
      h("label", { class: "inline", for: "study-search" }, "Search ", this.search),
      h("label", { class: "inline", for: "state-filter" }, "State ", this.state),
    );
    return h("div", { class: "page" }, title, filters, this.status, this.table.element, this.more);
  }

  /**
   * Something else is asked for.
   * @param {number} ms until the service is asked
   */
  asked(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh().catch(() => {}), ms); // what is wrong shows at the next look
  }

  query() {
    const query = new URLSearchParams({ limit: String(this.limit) });
    if (this.state.value) query.set("state", this.state.value);
    if (this.search.value.trim()) query.set("text", this.search.value.trim());
    return query.toString();
  }

  async refresh() {
    const asked = this.query();
    /** @type {Page<StudySummary>} */
    const page = await get(`studies?${asked}`, this.signal);
    if (asked !== this.query()) return; // something else has been asked for meanwhile
    this.pause = page.items.some((study) => MOVING.has(study.state)) ? 3000 : 10_000;
    this.status.hidden = page.items.length > 0;
    if (!page.items.length) put(this.status, this.nothing());
    this.table.show(page.items);
    this.showOptima(page.items);
    this.showMore(page);
  }

  /** @param {StudySummary[]} studies the first that has a link has the newest */
  showOptima(studies) {
    const href = studies.find(({ links }) => links.optima)?.links.optima;
    put(this.optima, away(href, "All optima in MLflow"));
  }

  nothing() {
    if (this.search.value.trim()) return "No study has this in its name, id, task, dataset, tags or comment.";
    if (this.state.value) return `No study is ${stateName(this.state.value)}.`;
    const start = h("a", { href: "#/new" }, "Start one");
    const easy = ": the preset sbn-digits needs no download and takes a minute or two.";
    return ["There is no study yet. ", start, easy];
  }

  /** @param {Page<StudySummary>} page */
  showMore({ items, next }) {
    const load = () => {
      this.limit = Math.min(MOST_LOADED, this.limit + LOADED);
      this.asked(0);
    };
    const said = `These are the newest ${count(items.length, "study", "studies")}.`;
    put(
      this.more,
      next && h("span", {}, said),
      next &&
        this.limit < MOST_LOADED &&
        h("button", { type: "button", id: "older", click: load }, "Load older ones"),
      next && this.limit >= MOST_LOADED && h("span", {}, "Search to find older ones."),
    );
  }

  /** The button leads to a comparison once two studies are chosen. */
  showChosen() {
    const chosen = [...this.table.chosen];
    this.compare.hidden = chosen.length < 2;
    this.compare.setAttribute("href", `#/compare?ids=${chosen.join(",")}`);
    put(this.compare, `Compare ${count(chosen.length, "study", "studies")}`);
  }
}
