/** The list of studies: newest first, live, a page at a time. */

import { h, put } from "./dom.js";
import { ago, capital, moment } from "./format.js";
import { get } from "./http.js";
import { poll } from "./live.js";
import { MOVING, UNDER_WAY, badge, progressBar } from "./state.js";

const LIMIT = 20;
const STATES = ["queued", "running", "succeeded", "failed", "cancelled", "interrupted"];

/** Fills `main`; ends when `signal` aborts. */
export async function list(main, signal) {
  let [cursors, state, pause] = [[null], "", 3000]; // cursors: of every page up to this one
  const rows = h("div", { class: "studies", role: "table", "aria-label": "Studies" });
  const pager = h("div", { class: "pager" });
  const status = h("p", { class: "empty", role: "status" }, "Loading the studies …");
  const filter = h("select", { id: "state-filter", change: (event) => ((state = event.target.value), (cursors = [null]), refresh()) },
    h("option", { value: "" }, "all"), STATES.map((name) => h("option", { value: name }, name)));
  put(main, h("div", { class: "page" },
    h("div", { class: "title-row" },
      h("h1", { tabindex: "-1" }, "Studies"),
      h("div", { class: "actions" },
        h("label", { class: "inline", for: "state-filter" }, "State ", filter),
        h("a", { class: "button primary", href: "#/new" }, "New study"))),
    status, rows, pager));

  const known = new Map(); // id -> {element, update}
  let shown = "";

  async function refresh() {
    const asked = [state, cursors.at(-1)];
    const query = new URLSearchParams({ limit: LIMIT });
    if (asked[0]) query.set("state", asked[0]);
    if (asked[1]) query.set("cursor", asked[1]);
    const found = await get(`studies?${query}`, signal);
    if (asked[0] !== state || asked[1] !== cursors.at(-1)) return; // the reader has turned the page meanwhile
    pause = found.items.some((study) => MOVING.has(study.state)) ? 3000 : 10_000;
    show(found.items);
    put(pager,
      cursors.length > 1 && h("button", { type: "button", click: () => (cursors.pop(), refresh()) }, "Newer"),
      found.next && h("button", { type: "button", click: () => (cursors.push(found.next), refresh()) }, "Older"));
  }

  function show(items) {
    status.hidden = items.length > 0;
    put(status, ...(state ? [`No study is ${state}.`] : [
      "There is no study yet. ", h("a", { href: "#/new" }, "Start one"), ": the preset sbn-digits needs no download and takes a minute or two."]));
    for (const study of items) {
      if (!known.has(study.id)) known.set(study.id, row(study));
      known.get(study.id).update(study);
    }
    const order = items.map((study) => study.id).join(" ");
    if (order !== shown) put(rows, items.map((study) => known.get(study.id).element)); // a row with focus is not moved needlessly
    shown = order;
  }

  await poll(refresh, () => pause, signal);
}

function row(study) {
  const [state, verdict] = [h("div", { class: "row-state", role: "cell" }), h("div", { class: "row-verdict", role: "cell" })];
  const when = h("time", { datetime: study.created_at, title: moment(study.created_at) });
  const bar = progressBar(`Progress of ${study.name}`);
  const element = h("div", { class: "study-row", role: "row" },
    h("div", { class: "row-name", role: "cell" },
      h("a", { href: `#/studies/${study.id}` }, study.name),
      h("p", { class: "hint" }, `${study.task} · ${study.dataset} · `, h("code", {}, study.id), " · ", when)),
    state, verdict);
  let looks = "";
  return {
    element,
    update(now) {
      put(when, ago(now.created_at));
      bar.update(now);
      const shown = now.cancelling ? "cancelling" : now.state;
      const next = JSON.stringify([shown, now.verdict]);
      if (next === looks) return;
      looks = next;
      put(state, badge(shown), UNDER_WAY.has(now.state) && bar.element);
      put(verdict, now.verdict && !MOVING.has(now.state) ? capital(now.verdict) : "");
    },
  };
}
