// @ts-check
/** What the form is made of, beside the fields of the spec. */

import { h, put } from "../shared/dom.js";

/** @import { Preset } from "../shared/types.js" */

/** @typedef {ReturnType<typeof partsOf>} Parts */

/**
 * @param {Preset[]} starts
 * @param {(index: number) => void} pick called with the place of the preset that was chosen
 * @param {() => void} write called when the text has changed
 */
export function partsOf(starts, pick, write) {
  const picker = h(
    "select",
    {
      id: "start",
      "aria-describedby": "start-about",
      change: ({ target }) => pick(target.selectedIndex),
    },
    starts.map((start) => h("option", {}, start.name)),
  );
  const text = h("textarea", {
    id: "spec-json",
    rows: "24",
    spellcheck: "false",
    autocapitalize: "off",
    "aria-describedby": "spec-json-errors",
    input: write,
  });
  const errorList = h("ul", { class: "field-error", id: "spec-json-errors" });
  const about =
    "The same spec with what has no field of its own: options of task and dataset, reports, sizes. " +
    "A YAML file may be pasted here.";
  const details = h(
    "details",
    { class: "card" },
    h("summary", {}, "The whole spec as JSON or YAML"),
    h("p", { class: "hint" }, about),
    h("label", { class: "visually-hidden", for: "spec-json" }, "Spec as JSON or YAML"),
    text,
    errorList,
  );
  return {
    picker,
    text,
    errorList,
    details,
    about: h("p", { class: "hint", id: "start-about" }),
    summary: h("div", {
      class: "error-summary",
      role: "alert",
      tabindex: "-1",
      hidden: true,
    }),
    fields: h("div", { class: "fieldsets" }),
    plan: h("div", { class: "plan", role: "status" }),
    button: h("button", { type: "submit", class: "primary wide-button" }, "Start the study"),
  };
}

/**
 * Puts the parts in their places.
 * @param {HTMLElement} body
 * @param {Parts} parts
 * @param {(event: SubmitEvent) => void} submit
 */
export function layOut(body, { picker, about, summary, fields, details, plan, button }, submit) {
  const start = h("div", { class: "field start" }, h("label", { for: "start" }, "Start from"), picker, about);
  const card = h("aside", { class: "card plan-card", "aria-label": "What it will train" }, plan, button);
  const left = h("div", {}, summary, start, fields, details);
  put(body, h("form", { novalidate: true, submit }, h("div", { class: "form-columns" }, left, card)));
}
