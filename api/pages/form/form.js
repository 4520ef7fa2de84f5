// @ts-check
/**
 * A new study: from a preset or another study, changed in fields or as text.
 *
 * There is one spec; fields and text are two views of it. The text is JSON, or YAML, which the service
 * reads. Every change is sent to the service, which answers with what it would train or with what is wrong,
 * so the rules live in one place.
 */

import { announce, h, put } from "../shared/dom.js";
import { sentence } from "../shared/format.js";
import { Problem, get, post } from "../shared/http.js";
import { showErrors, showSummary } from "./errors.js";
import { fieldsOf } from "./fields.js";
import { layOut, partsOf } from "./parts.js";
import { planOf } from "./plan.js";
import { changed } from "./spec_text.js";
import { strategiesOf } from "./strategies.js";

/** @import { FieldError, Page, Plan, Preset, Study } from "../shared/types.js" */
/** @import { Choices } from "./controls.js" */
/** @import { AnySpec } from "./spec_text.js" */

const QUIET_MS = 350; // after the last key before the service is asked

/**
 * Fills `main`. `query` may name a preset or a study to start from.
 * @param {HTMLElement} main
 * @param {URLSearchParams} query
 * @param {AbortSignal} signal
 */
export async function form(main, query, signal) {
  const loading = h("p", { class: "empty", role: "status" }, "Loading the presets …");
  const body = h("div", { class: "form-body" }, loading);
  put(main, h("div", { class: "page" }, h("h1", { tabindex: "-1" }, "New study"), body));
  const [presets, tasks, openapi] = await Promise.all([
    /** @type {Promise<Page<Preset>>} */ (get("presets", signal)),
    get("tasks", signal),
    get("openapi.json", signal),
  ]);
  const from = query.get("from");
  /** @type {Study | null} */
  const source = from ? await get(`studies/${from}`, signal) : null;
  const own = source && {
    name: `study ${source.id}`,
    description: `What ${source.name} ran.`,
    spec: source.spec,
  };
  const choices = {
    tasks: tasks.items,
    strategies: strategiesOf(openapi),
    defaults: openapi.components.schemas.StudySpec.properties,
    optimizer: openapi.components.schemas.OptimizerSpec.properties,
  };
  const starts = [...(own ? [own] : []), ...presets.items];
  new Form(body, starts, choices, signal).start(own?.name ?? query.get("preset") ?? "sbn-digits");
}

/**
 * Whether the service understood a request and says what is wrong with it.
 * @param {unknown} error
 * @returns {error is Problem}
 */
function wrong(error) {
  return error instanceof Problem && (error.status === 422 || error.status === 400);
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

class Form {
  /**
   * @param {HTMLElement} body
   * @param {Preset[]} starts
   * @param {Choices} choices
   * @param {AbortSignal} signal
   */
  constructor(body, starts, choices, signal) {
    this.starts = starts;
    this.choices = choices;
    this.signal = signal;
    /** @type {AnySpec} */
    this.spec = {};
    /** @type {string | null} */
    this.yaml = null; // the text, until the service has said what it means
    /** @type {FieldError[]} */
    this.errors = [];
    this.asked = 0;
    /** @type {number | undefined} */
    this.timer = undefined;
    /** @type {string | null} */
    this.key = null; // a second press of the same is the same study
    this.made = fieldsOf(this.spec, choices, () => {});
    this.parts = partsOf(
      starts,
      (index) => this.load(index),
      () => this.readText(),
    );
    layOut(body, this.parts, (event) => this.submit(event));
  }

  /** @param {string} name of a preset, or of the study to start from */
  start(name) {
    const index = this.starts.findIndex((start) => start.name === name);
    this.load(Math.max(0, index));
  }

  /** @param {number} index */
  load(index) {
    const start = this.starts[index];
    if (!start) return;
    this.parts.picker.selectedIndex = index;
    put(this.parts.about, sentence(start.description ?? ""));
    this.show(start.spec);
    this.writeJson();
    this.check(0);
  }

  /**
   * Draws the fields anew: another start, another task or another strategy has other fields.
   * @param {AnySpec} spec
   */
  show(spec) {
    this.spec = spec;
    this.made = fieldsOf(spec, this.choices, (path, value) => this.set(path, value));
    put(this.parts.fields, this.made.elements);
  }

  /**
   * @param {string} path
   * @param {unknown} value
   */
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

  /**
   * Another task has other datasets, baselines and options.
   * @param {AnySpec} spec
   */
  fitted(spec) {
    const task = this.choices.tasks.find((t) => t.name === spec.task);
    if (!task) return spec;
    const dataset = task.datasets.includes(spec.dataset) ? spec.dataset : task.datasets[0];
    const kept = (spec.baselines ?? []).filter((/** @type {string} */ name) => task.baselines.includes(name));
    return changed({ ...spec, dataset, baselines: kept }, "options", undefined);
  }

  writeJson() {
    this.yaml = null;
    this.parts.text.value = JSON.stringify(this.spec, null, 2);
  }

  readText() {
    const text = this.parts.text.value;
    try {
      const spec = JSON.parse(text);
      if (spec === null || typeof spec !== "object" || Array.isArray(spec)) {
        throw new SyntaxError("it must be an object of fields");
      }
      this.yaml = null;
      this.show(spec);
      this.check(QUIET_MS);
    } catch (error) {
      if (/^\s*[^\s{["]/.test(text)) {
        this.yaml = text;
        this.check(QUIET_MS);
        return;
      }
      clearTimeout(this.timer);
      this.asked += 1;
      this.showErrors([{ field: "", message: `this is not JSON: ${messageOf(error)}` }]);
    }
  }

  /** @param {number} ms until the service is asked */
  check(ms) {
    clearTimeout(this.timer);
    this.key = null; // another body is another study
    this.parts.plan.setAttribute("aria-busy", "true");
    this.timer = setTimeout(() => this.ask(), ms);
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} [headers]
   */
  send(path, headers = {}) {
    if (this.yaml === null) return post(path, this.spec, headers);
    return post(path, this.yaml, {
      ...headers,
      "Content-Type": "application/yaml",
    });
  }

  /** Asks what would be trained; an answer that was overtaken by another change is dropped. */
  async ask() {
    const mine = (this.asked += 1);
    const overtaken = () => mine !== this.asked || this.signal.aborted;
    try {
      /** @type {Plan} */
      const plan = await this.send("studies/plan");
      if (overtaken()) return;
      if (this.yaml !== null) {
        this.yaml = null;
        this.show(plan.spec);
      }
      this.showErrors([]);
      put(this.parts.plan, planOf(plan));
    } catch (error) {
      if (overtaken()) return;
      if (wrong(error)) this.showErrors(error.errors, error);
      else put(this.parts.plan, h("p", { class: "field-error" }, sentence(messageOf(error))));
    }
    this.parts.plan.removeAttribute("aria-busy");
  }

  /**
   * @param {FieldError[]} errors
   * @param {Problem | null} problem
   */
  showErrors(errors, problem = null) {
    this.errors = errors.length || !problem ? errors : [{ field: "", message: problem.message }];
    // While the text is YAML the fields still show the spec before, and are not at fault.
    showErrors(this.parts, this.made, this.errors, this.yaml === null ? this.errors : []);
  }

  /** @param {SubmitEvent} event */
  async submit(event) {
    event.preventDefault();
    this.parts.button.disabled = true;
    this.key ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
    try {
      /** @type {Study} */
      const study = await this.send("studies", { "Idempotency-Key": this.key });
      announce(`Study ${study.name} was submitted.`);
      location.hash = `#/studies/${study.id}`;
    } catch (error) {
      if (wrong(error)) this.showErrors(error.errors, error);
      const listed = wrong(error) ? this.errors : [];
      showSummary(this.parts.summary, listed, messageOf(error), (field) => this.focus(field));
    } finally {
      this.parts.button.disabled = false;
    }
  }

  /** @param {string} field */
  focus(field) {
    if (this.yaml === null && this.made.focus(field)) return;
    this.parts.details.open = true;
    this.parts.text.focus();
  }
}
