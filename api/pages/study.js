/** One study: its verdict, what it trains now, its figures, methods and trials, and what can be done with it. */

import { announce, confirmed, h, put } from "./dom.js";
import { ago, capital, count, duration, moment, sentence, words } from "./format.js";
import { download, get, post, remove } from "./http.js";
import { chart } from "./chart.js";
import { control, schedule, testSet } from "./findings.js";
import { curveData, marginalData, stageData } from "./series.js";
import { follow, sleep } from "./live.js";
import { landscape } from "./landscape.js";
import { CANCELLABLE, MOVING, RESUMABLE, UNDER_WAY, badge, progressBar, progressText } from "./state.js";
import { trialsTable } from "./trials.js";
import { claims, methods, verdict } from "./verdict.js";

const REST_MS = 2000; // between two looks at a study's numbers while it runs
const MOST_TRIALS = 5000; // shown; the JSON has them all

/** Fills `main` and follows the study until `signal` aborts. */
export async function study(main, id, signal) {
  put(main, h("div", { class: "page" }, h("h1", { tabindex: "-1" }, "Study"), h("p", { class: "empty", role: "status" }, `Loading study ${id} …`)));
  const first = await get(`studies/${id}`, signal);
  const view = new View(main, first, signal);
  await view.refresh();
  await view.followed();
}

class View {
  constructor(main, first, signal) {
    Object.assign(this, { id: first.id, signal, study: first, looking: null, again: false });
    this.head = h("div", { class: "study-head" });
    this.actions = h("div", { class: "actions" });
    this.said = h("p", { class: "action-said", role: "alert" });
    this.progress = progressBar("Progress");
    this.verdict = h("section", { class: "verdict unclear", "aria-label": "Verdict" });
    this.landscape = landscape();
    this.curves = chart("Learning curves");
    this.stages = [chart("First stage"), chart("Second stage")];
    this.marginals = [chart("Forward temperature"), chart("Backward temperature")];
    this.cut = [0, 1].map(() => h("p", { class: "hint cut", hidden: true }));
    this.methods = h("div", {});
    this.trials = trialsTable();
    this.ran = h("div", {});
    this.sections = {
      landscape: section("Landscape", this.landscape.element, this.cut[0]),
      curves: section("Learning curves", h("p", { class: "hint" }, "The best trial of each method; band: standard error over seeds."), this.curves.element),
      stages: section("Stages", h("div", { class: "columns" }, this.stages.map((s) => s.element))),
      marginals: section("One temperature at a time", h("div", { class: "columns" }, this.marginals.map((m) => m.element))),
      methods: section("Methods", this.methods),
      test: section("Test set", h("div", { class: "content" })),
      schedule: section("Schedule", h("div", { class: "content" })),
      control: section("Rescaling control", h("div", { class: "content" })),
      claims: section("Claims of the paper", h("dl", { class: "claims" })),
      trials: section("Trials", this.trials.element, this.cut[1]),
      ran: section("What was run", this.ran),
    };
    const { landscape: land, curves, ...below } = this.sections;
    this.figures = h("div", { class: "columns figures" }, land, curves);
    this.title = h("h1", { tabindex: "-1" }, first.name);
    put(main, h("div", { class: "page study" },
      h("div", { class: "title-row" }, this.title, this.actions), this.head, this.said,
      this.verdict, this.figures, Object.values(below)));
    document.title = `${first.name} · Straight-through tuner`;
    this.showStudy();
    this.title.focus({ preventScroll: true });
  }

  // --- what is known ---

  /** Looks at everything; calls while it looks ask for one more look, not for many. */
  refresh() {
    if (this.looking) this.again = true;
    this.looking ??= this.look().finally(() => (this.looking = null));
    return this.looking;
  }

  async look() {
    do {
      this.again = false;
      const [now, trials, results, curves] = await Promise.all([
        get(`studies/${this.id}`, this.signal), allTrials(this.id, this.signal),
        get(`studies/${this.id}/results`, this.signal), get(`studies/${this.id}/curves`, this.signal),
      ]);
      this.study = now;
      this.showStudy();
      this.showNumbers(trials, results, curves);
      if (this.again) await sleep(REST_MS, this.signal);
    } while (this.again && !this.signal.aborted);
  }

  /** Follows the events while the study moves; a study that is resumed is followed again. */
  async followed() {
    if (!MOVING.has(this.study.state)) return;
    await follow(this.id, (event) => {
      if (event) this.moved(event);
      return event && MOVING.has(event.state) ? void this.refresh().catch(() => {}) : this.refresh();
    }, this.signal);
  }

  /** What an event says is shown at once; the numbers follow. */
  moved(event) {
    Object.assign(this.study, { state: event.state, reason: event.reason ?? null, progress: event.progress, cancelling: event.cancelling });
    this.showStudy();
  }

  showStudy() {
    const study = this.study;
    const shown = study.cancelling ? "cancelling" : study.state;
    const looks = JSON.stringify([shown, study.reason, study.links, study.position, study.finished_at, study.progress]);
    if (looks === this.looks) return;
    const before = this.state;
    Object.assign(this, { looks, state: shown });
    if (before && before !== shown) announce(`Study ${study.name}: ${shown}. ${study.reason ? sentence(study.reason) : ""}`);
    else if (study.state === "running") this.announceProgress();
    this.progress.update(study);
    const fixed = JSON.stringify([shown, study.reason, study.links, study.position, study.finished_at]); // what moves with every report is the bar
    if (this.fixed === fixed) return;
    this.fixed = fixed;
    put(this.head,
      h("p", { class: "facts" }, badge(shown), h("code", {}, study.id), h("span", {}, study.task), h("span", {}, study.dataset),
        h("span", {}, study.spec.search.strategy), h("time", { datetime: study.created_at, title: moment(study.created_at) }, ago(study.created_at)), took(study)),
      study.reason && h("p", { class: `reason-line ${study.state}` }, sentence(study.reason)),
      study.state === "queued" && h("p", { class: "hint" }, waiting(study)),
      UNDER_WAY.has(study.state) && this.progress.element,
      linksOf(study));
    this.showActions();
  }

  /** Says the progress four times in a study, not at every report. */
  announceProgress() {
    const quarter = Math.floor(4 * (this.study.progress.fraction ?? 0));
    if (this.quarter !== undefined && quarter > this.quarter) announce(progressText(this.study));
    this.quarter = quarter;
  }

  showNumbers(trials, results, curves) {
    verdictOnce(this, results);
    this.landscape.update(this.study, trials.items, results);
    this.sections.landscape.hidden = false;
    const lines = curveData(curves, this.study);
    this.sections.curves.classList.toggle("nothing", lines.series.length === 0);
    if (lines.series.length) this.curves.update(lines);
    this.showPair("stages", stageData(results));
    this.showPair("marginals", marginalData(results, this.study));
    methods(this.methods, results);
    testSet(this.sections.test, results);
    schedule(this.sections.schedule, results);
    control(this.sections.control, results);
    for (const note of this.cut) {
      note.hidden = !trials.next;
      put(note, `The first ${count(trials.items.length, "trial")} are shown. The verdict, the methods and results.json are of all of them.`);
    }
    if (JSON.stringify(results.claims) !== this.claimed) claims(this.sections.claims, results); // one that is open stays open
    this.claimed = JSON.stringify(results.claims);
    this.trials.update(this.study, trials.items);
    if (!this.ran.hasChildNodes()) put(this.ran, whatWasRun(this.study, this.id));
  }

  /** Two charts side by side, or none. */
  showPair(name, data) {
    this.sections[name].hidden = data === null;
    data?.forEach((one, i) => this[name][i].update(one));
  }

  // --- what can be done ---

  showActions() {
    const { state, cancelling } = this.study;
    const button = (label, press, kind = "") => h("button", { type: "button", class: kind, click: (event) => this.act(event.target, press) }, label);
    put(this.actions,
      CANCELLABLE.has(state) && !cancelling && button("Cancel", () => this.cancel(), "danger"),
      RESUMABLE.has(state) && button("Resume", () => this.resume(), "primary"),
      h("a", { class: "button", href: `#/new?from=${this.id}` }, "Start another like it"),
      !MOVING.has(state) && button("Delete", () => this.remove(), "quiet"));
  }

  async act(button, press) {
    put(this.said);
    button.disabled = true;
    try {
      await press();
    } catch (error) {
      put(this.said, sentence(error.message));
    } finally {
      button.disabled = false;
    }
  }

  async cancel() {
    const yes = await confirmed({
      title: `Cancel ${this.study.name}?`, yes: "Cancel the study", no: "Let it run",
      text: "Training stops. What has finished is kept, but a cancelled study cannot be resumed.",
    });
    if (yes) await this.changeBy(post(`studies/${this.id}/cancel`));
  }

  async resume() {
    const yes = await confirmed({
      title: `Resume ${this.study.name}?`, yes: "Resume it", no: "Not now", text: "What has finished is not run again.",
    });
    if (!yes) return;
    await this.changeBy(post(`studies/${this.id}/resume`));
    this.followed().catch(() => {});
  }

  async remove() {
    const yes = await confirmed({
      title: `Delete ${this.study.name}?`, yes: "Delete it", no: "Keep it", text: "Its trials, measurements and results are removed. This cannot be undone.",
    });
    if (!yes) return;
    await remove(`studies/${this.id}`);
    location.hash = "#/";
  }

  async changeBy(request) {
    await request;
    await this.refresh();
    this.title.focus();
  }
}

function section(title, ...content) {
  const id = `section-${title.toLowerCase().replaceAll(" ", "-")}`;
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), content);
}

/** The verdict is written again only where it has changed: it is what people read. */
function verdictOnce(view, results) {
  const looks = JSON.stringify([view.study.state, results.gain, results.gains, results.verdict_reason, results.best, results.notes]);
  if (looks === view.verdictLooks) return;
  view.verdictLooks = looks;
  verdict(view.verdict, view.study, results);
}

async function allTrials(id, signal) {
  const found = { items: [], next: null };
  do {
    const query = new URLSearchParams({ brief: "true", limit: 1000, ...(found.next ? { cursor: found.next } : {}) });
    const page = await get(`studies/${id}/trials?${query}`, signal);
    found.items.push(...page.items);
    found.next = page.next;
  } while (found.next && found.items.length < MOST_TRIALS);
  return found;
}

function waiting({ position }) {
  return position > 1 ? `${count(position - 1, "study", "studies")} before it in the queue.` : "Next in the queue.";
}

function took(study) {
  if (!study.started_at || !study.finished_at) return null;
  return h("span", {}, `took ${duration((Date.parse(study.finished_at) - Date.parse(study.started_at)) / 1000)}`);
}

function linksOf(study) {
  const away = (href, text) => href && h("a", { href, target: "_blank", rel: "noopener" }, text);
  const save = (path, name, text) => h("button", { type: "button", class: "link", click: () => download(path, name).catch((error) => announce(sentence(error.message))) }, text);
  const base = `studies/${study.id}`;
  const figures = MOVING.has(study.state) ? [] : study.figures ?? [];
  return h("p", { class: "links" },
    away(study.links.mlflow, "MLflow run"), away(study.links.job, "Ray job"),
    h("span", { class: "downloads" }, "Download ", save(`${base}/results`, `${study.id}-results.json`, "results.json"),
      figures.map((name) => save(`${base}/figures/${name}.png`, `${study.id}-${name}.png`, `${name}.png`))));
}

function whatWasRun(study) {
  const facts = Object.entries(study.host ?? {}).map(([name, value]) => [h("dt", {}, words(name)), h("dd", {}, String(value))]);
  return [
    study.training_s > 0 && h("p", {}, `Populations trained for ${duration(study.training_s)} in all.`),
    facts.length > 0 && h("dl", { class: "facts-list" }, facts),
    h("details", {}, h("summary", {}, "Spec"), h("pre", { tabindex: "0" }, JSON.stringify(study.spec, null, 2)))];
}
