/**
 * A new study: from a preset or another study, changed in fields or as text.
 *
 * There is one spec; fields and text are two views of it. The text is JSON, or YAML, which the service reads. Every change is sent to the service, which answers with what it would
 * train or with what is wrong, so the rules live in one place.
 */

import { announce, h, put } from "./dom.js";
import { capital, count, sentence } from "./format.js";
import { Problem, get, post } from "./http.js";
import { fieldsOf } from "./fields.js";
import { changed } from "./spec_text.js";

const QUIET_MS = 350; // after the last key before the service is asked

/** Fills `main`. `query` may name a preset or a study to start from. */
export async function form(main, query, signal) {
  const body = h("div", { class: "form-body" }, h("p", { class: "empty", role: "status" }, "Loading the presets …"));
  put(main, h("div", { class: "page" }, h("h1", { tabindex: "-1" }, "New study"), body));
  const [presets, tasks, schema] = await Promise.all([get("presets", signal), get("tasks", signal), get("openapi.json", signal)]);
  const source = query.get("from") && (await get(`studies/${query.get("from")}`, signal));
  const strategies = strategiesOf(schema);
  const defaults = schema.components.schemas.StudySpec.properties;
  const starts = [...(source ? [{ name: `study ${source.id}`, description: `What ${source.name} ran.`, spec: source.spec }] : []), ...presets.items];
  new Form(body, starts, { tasks: tasks.items, strategies, defaults }, signal).start(query.get("preset"));
}

/** {strategy: its fields in the OpenAPI document}: a strategy that the service learns shows here without a change. */
function strategiesOf(schema) {
  const schemas = schema.components.schemas;
  const mapping = schemas.StudySpec.properties.search.discriminator.mapping;
  return Object.fromEntries(Object.entries(mapping).map(([name, ref]) => [name, schemas[ref.split("/").at(-1)].properties]));
}

/** Whether the service understood a request and says what is wrong with it. */
function wrong(error) {
  return error instanceof Problem && (error.status === 422 || error.status === 400);
}

class Form {
  constructor(body, starts, known, signal) {
    Object.assign(this, { starts, known, signal, spec: {}, yaml: null, errors: [], asked: 0, timer: null, key: null });
    this.picker = h("select", { id: "start", change: () => this.load(this.starts[this.picker.selectedIndex]) },
      starts.map((start) => h("option", {}, start.name)));
    this.about = h("p", { class: "hint", id: "start-about" });
    this.picker.setAttribute("aria-describedby", "start-about");
    this.summary = h("div", { class: "error-summary", role: "alert", tabindex: "-1", hidden: true });
    this.fields = h("div", { class: "fieldsets" });
    this.json = h("textarea", {
      id: "spec-json", rows: "24", spellcheck: "false", autocapitalize: "off", "aria-describedby": "spec-json-errors", input: () => this.readText(),
    });
    this.jsonErrors = h("ul", { class: "field-error", id: "spec-json-errors" });
    this.details = h("details", { class: "card" }, h("summary", {}, "The whole spec as JSON or YAML"),
      h("p", { class: "hint" }, "The same spec with what has no field of its own: the task's and the dataset's options, reports, members per population. A YAML file may be pasted here."),
      h("label", { class: "visually-hidden", for: "spec-json" }, "Spec as JSON or YAML"), this.json, this.jsonErrors);
    this.plan = h("div", { class: "plan", role: "status" });
    this.button = h("button", { type: "submit", class: "primary wide-button" }, "Start the study");
    put(body, h("form", { novalidate: true, submit: (event) => this.submit(event) },
      h("div", { class: "form-columns" },
        h("div", {}, this.summary,
          h("div", { class: "field start" }, h("label", { for: "start" }, "Start from"), this.picker, this.about),
          this.fields, this.details),
        h("aside", { class: "card plan-card", "aria-label": "What it will train" }, this.plan, this.button))));
  }

  start(preset) {
    const index = preset ? this.starts.findIndex((start) => start.name === preset) : 0;
    const usual = this.starts.findIndex((start) => start.name === "sbn-digits");
    this.picker.selectedIndex = preset || this.starts[0].name.startsWith("study ") ? Math.max(0, index) : Math.max(0, usual);
    this.load(this.starts[this.picker.selectedIndex]);
  }

  load(start) {
    put(this.about, sentence(start.description ?? ""));
    this.show(start.spec);
    this.writeJson();
    this.check(0);
  }

  /** Draws the fields anew: another start, another task or another strategy has other fields. */
  show(spec) {
    this.spec = spec;
    this.made = fieldsOf(spec, this.known, (path, value) => this.set(path, value));
    put(this.fields, this.made.elements);
  }

  set(path, value) {
    this.spec = changed(this.spec, path, typeof value === "function" ? value(this.spec) : value);
    if (path === "task") this.spec = this.fitted(this.spec);
    if (path === "task" || path === "search") {
      this.show(this.spec);
      this.made.focus(path === "task" ? "task" : "search.strategy");
    }
    this.writeJson();
    this.check(QUIET_MS);
  }

  /** Another task has other datasets, baselines and options. */
  fitted(spec) {
    const task = this.known.tasks.find((t) => t.name === spec.task);
    const dataset = task.datasets.includes(spec.dataset) ? spec.dataset : task.datasets[0];
    const baselines = (spec.baselines ?? []).filter((name) => task.baselines.includes(name));
    const { options, ...rest } = spec; // eslint-disable-line no-unused-vars
    return { ...rest, dataset, baselines };
  }

  writeJson() {
    this.yaml = null;
    this.json.value = JSON.stringify(this.spec, null, 2);
  }

  readText() {
    const text = this.json.value;
    try {
      const spec = JSON.parse(text);
      if (spec === null || typeof spec !== "object" || Array.isArray(spec)) throw new SyntaxError("it must be an object of fields");
      this.yaml = null;
      this.show(spec);
      this.check(QUIET_MS);
    } catch (error) {
      if (/^\s*[^\s{["]/.test(text)) {
        this.yaml = text; // until the service has said what it means
        return this.check(QUIET_MS);
      }
      clearTimeout(this.timer);
      this.asked += 1;
      this.showErrors([{ field: "", message: `this is not JSON: ${error.message}` }]);
    }
  }

  check(ms) {
    clearTimeout(this.timer);
    this.key = null; // another body is another study
    this.plan.setAttribute("aria-busy", "true");
    this.timer = setTimeout(() => this.ask(), ms);
  }

  send(path, headers = {}) {
    return this.yaml === null ? post(path, this.spec, headers) : post(path, this.yaml, { ...headers, "Content-Type": "application/yaml" });
  }

  /** Asks what would be trained; an answer that was overtaken by another change is dropped. */
  async ask() {
    const mine = (this.asked += 1);
    try {
      const plan = await this.send("studies/plan");
      if (mine !== this.asked || this.signal.aborted) return;
      if (this.yaml !== null) {
        this.yaml = null;
        this.show(plan.spec);
      }
      this.showErrors([]);
      this.showPlan(plan);
    } catch (error) {
      if (mine !== this.asked || this.signal.aborted) return;
      if (wrong(error)) this.showErrors(error.errors, error);
      else put(this.plan, h("p", { class: "field-error" }, sentence(error.message)));
    }
    this.plan.removeAttribute("aria-busy");
  }

  showPlan(plan) {
    const { seeds, confirm_seeds: fresh, epochs, steps, batch_size: batch } = plan.spec;
    const length = epochs ? count(epochs, "epoch") : count(steps, "step");
    put(this.plan,
      h("p", { class: "figure" }, h("strong", {}, plan.members.toLocaleString("en")), ` ${plan.members === 1 ? "model" : "models"} to train`),
      h("ul", {},
        h("li", {}, `${count(plan.search_trials, "trial")} on ${count(seeds, "seed")}`),
        fresh ? h("li", {}, `then up to ${count(plan.confirm_trials, "trial")} on ${count(fresh, "fresh seed")}`)
          : h("li", {}, "no confirmation on fresh seeds, so no verdict"),
        h("li", {}, `${length} each, batches of ${batch}`)));
  }

  /** Puts each error at its field; those of no field at the text. */
  showErrors(errors, problem = null) {
    const given = errors.length || !problem ? errors : [{ field: "", message: problem.message }];
    this.errors = given;
    const mine = this.yaml === null ? given : []; // the fields still show the spec before, and are not at fault
    const rest = given.filter((error) => !mine.includes(error) || !this.made.error(error, given));
    this.made.clearOthers(mine);
    put(this.jsonErrors, rest.map(({ field, message }) => h("li", {}, field ? `${field}: ${message}` : capital(message))));
    this.json.toggleAttribute("aria-invalid", false);
    if (rest.length) {
      this.json.setAttribute("aria-invalid", "true");
      this.details.open = true;
    }
    const where = mine.length > rest.length ? "What is wrong stands at its field." : "What is wrong stands below the text.";
    if (given.length) put(this.plan, h("p", { class: "figure-none" }, "The spec is not valid yet"), h("p", { class: "hint" }, where));
    else this.summary.hidden = true;
  }

  async submit(event) {
    event.preventDefault();
    this.button.disabled = true;
    this.key ??= crypto.getRandomValues(new Uint32Array(4)).join("-"); // a second press of the same is the same study
    try {
      const study = await this.send("studies", { "Idempotency-Key": this.key });
      announce(`Study ${study.name} was submitted.`);
      location.hash = `#/studies/${study.id}`;
    } catch (error) {
      if (wrong(error)) this.showErrors(error.errors, error);
      this.showSummary(error);
    } finally {
      this.button.disabled = false;
    }
  }

  showSummary(error) {
    const fields = this.errors.map(({ field, message }) =>
      h("li", {}, h("a", { href: location.hash, click: (event) => (event.preventDefault(), this.focus(field)) }, `${field || "spec"}: ${message}`)));
    this.summary.hidden = false;
    put(this.summary, h("h2", {}, "The study was not started"),
      wrong(error) && fields.length ? h("ul", {}, fields) : h("p", {}, sentence(error.message)));
    this.summary.focus();
  }

  focus(field) {
    if (this.yaml === null && this.made.focus(field)) return;
    this.details.open = true;
    this.json.focus();
  }
}
