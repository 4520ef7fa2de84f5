// @ts-check
/** The table of studies: what each is, how far it is, and what it has found. */

import { h, put, tau } from "../shared/dom.js";
import { ago, decimalsFor, duration, fixed, moment, number, span } from "../shared/format.js";
import { datasetTitle } from "../shared/labels.js";
import { studyAddress } from "../shared/links.js";
import { progressBar } from "../shared/progress.js";
import { SortedTable } from "../shared/sorted_table.js";
import { MOVING, UNDER_WAY, badge } from "../shared/state.js";
import { tagLabels } from "../study/remarks.js";
import { verdictOf } from "../shared/verdicts.js";

/** @import { StudySummary } from "../shared/types.js" */
/** @import { Column } from "../shared/sorted_table.js" */

const MOST_CHOSEN = 8; // for a comparison

export class StudiesTable {
  /**
   * @param {AbortSignal} signal ends its clocks
   * @param {() => void} choose called where another study is chosen
   */
  constructor(signal, choose) {
    /** @type {Set<string>} */
    this.chosen = new Set();
    this.choose = choose;
    /** @type {Map<string, ReturnType<typeof progressBar>>} */
    this.bars = new Map();
    this.table = new SortedTable({
      label: "studies",
      kind: "studies",
      columns: this.columns(),
      order: { key: "created", descending: true },
      rows: 25,
      id: ({ id }) => id,
      version: ({ revision, state, cancelling }) => `${revision} ${state} ${cancelling}`,
      one: "study",
      many: "studies",
    });
    this.element = h("div", { class: "studies-card", hidden: true }, this.table.element);
    const tick = setInterval(() => this.tick(), 1000);
    signal.addEventListener("abort", () => clearInterval(tick));
  }

  /** @param {StudySummary[]} studies */
  show(studies) {
    this.element.hidden = studies.length === 0;
    this.table.show(studies);
    this.tick();
  }

  /** Moves the clocks of what is shown. */
  tick() {
    for (const bar of this.bars.values()) if (bar.element.isConnected) bar.tick();
    for (const time of this.element.querySelectorAll("time")) {
      const text = ago(time.dateTime);
      if (time.textContent !== text) put(time, text);
    }
  }

  /** @returns {Column<StudySummary>[]} */
  columns() {
    return [
      {
        key: "name",
        title: "Study",
        kind: "row-name",
        value: ({ name }) => name,
        cell: (study) => this.named(study),
      },
      {
        key: "state",
        title: "State",
        kind: "row-state",
        value: ({ state }) => state,
        cell: (study) => this.stateOf(study),
      },
      { key: "verdict", title: "Verdict", kind: "row-verdict", value: verdictText, cell: verdictText },
      {
        key: "strategy",
        title: "Strategy",
        value: ({ strategy }) => strategy,
        cell: ({ strategy }) => strategy ?? "–",
      },
      {
        key: "best",
        title: h("span", {}, "Best ", tau("f"), ", ", tau("b")),
        label: "Best τf, τb",
        numeric: true,
        value: ({ best }) => best?.tau_f,
        cell: ({ best }) => (best ? `${number(best.tau_f, 6)}, ${number(best.tau_b, 6)}` : ""),
      },
      { key: "gain", title: "Gain, 95 % CI", numeric: true, value: ({ gain }) => gain?.mean, cell: gainOf },
      {
        key: "created",
        title: "Created",
        kind: "row-created",
        value: ({ created_at: created }) => Date.parse(created),
        cell: whenOf,
      },
    ];
  }

  /** @param {StudySummary} study */
  named({ id, name, task, dataset, tags, comment }) {
    const box = h("input", { type: "checkbox", "aria-label": `Compare ${name}`, id: `choose-${id}` });
    box.checked = this.chosen.has(id);
    box.addEventListener("change", () => {
      if (box.checked && this.chosen.size >= MOST_CHOSEN) box.checked = false;
      if (box.checked) this.chosen.add(id);
      else this.chosen.delete(id);
      this.choose();
    });
    const about = h("p", { class: "hint" }, `${task} · ${datasetTitle(dataset)} · `, h("code", {}, id));
    const link = h("a", { href: studyAddress(id), id: `study-${id}` }, name);
    const written = [tags.length > 0 && h("p", { class: "tags" }, tagLabels(tags)), firstLine(comment)];
    return h("div", { class: "choosable" }, box, h("div", {}, link, about, written));
  }

  /** @param {StudySummary} study */
  stateOf(study) {
    const shown = badge(study.cancelling ? "cancelling" : study.state);
    if (!UNDER_WAY.has(study.state)) return shown;
    const bar = this.bars.get(study.id) ?? progressBar(`Progress of ${study.name}`);
    this.bars.set(study.id, bar);
    bar.update(study);
    return [shown, bar.element];
  }
}

/** @param {string} comment */
function firstLine(comment) {
  const [line = ""] = comment.split("\n");
  return line && h("p", { class: "hint comment" }, line.length > 90 ? `${line.slice(0, 90)} …` : line);
}

/** @param {StudySummary} study */
function verdictText(study) {
  return MOVING.has(study.state) ? "" : verdictOf(study).text;
}

/** @param {StudySummary} study */
function gainOf({ gain }) {
  if (!gain || gain.mean === null) return "";
  const decimals = decimalsFor([gain.mean], 3);
  const interval = gain.ci95 && h("small", { class: "beneath" }, span(gain.ci95, decimals));
  return [
    fixed(gain.mean, decimals),
    interval,
    !gain.confirmed && h("small", { class: "beneath" }, "not confirmed"),
  ];
}

/** @param {StudySummary} study */
function whenOf({ created_at: created, started_at: started, finished_at: finished }) {
  const took = started && finished && (Date.parse(finished) - Date.parse(started)) / 1000;
  return [
    h("time", { datetime: created, title: moment(created) }, ago(created)),
    took && h("small", { class: "beneath" }, `took ${duration(took)}`),
  ];
}
