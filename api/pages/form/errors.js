// @ts-check
/**
 * Where the service's errors are shown: at their fields, below the text, and in a list after a press of the
 * button.
 */

import { h, put } from "../shared/dom.js";
import { capital, sentence } from "../shared/format.js";

/** @import { FieldError } from "../shared/types.js" */
/** @import { MadeFields } from "./fields.js" */
/** @import { Parts } from "./parts.js" */

/**
 * Puts each error at its field; those of no field at the text.
 * @param {Parts} parts
 * @param {MadeFields} made
 * @param {FieldError[]} given
 * @param {FieldError[]} mine those that may stand at fields
 */
export function showErrors({ errorList, text, details, plan, summary }, made, given, mine) {
  const rest = given.filter((error) => !mine.includes(error) || !made.error(error, given));
  made.clearOthers(mine);
  const said = rest.map(({ field, message }) => (field ? `${field}: ${message}` : capital(message)));
  const lines = said.map((error) => h("li", {}, error));
  put(errorList, lines);
  text.removeAttribute("aria-invalid");
  if (rest.length) {
    text.setAttribute("aria-invalid", "true");
    details.open = true;
  }
  if (!given.length) {
    summary.hidden = true;
    return;
  }
  const where = mine.length > rest.length ? "at its field" : "below the text";
  const hint = h("p", { class: "hint" }, `What is wrong stands ${where}.`);
  put(plan, h("p", { class: "figure-none" }, "The spec is not valid yet"), hint);
}

/**
 * Says that the study was not started, and why; each error leads to its field.
 * @param {HTMLElement} summary
 * @param {FieldError[]} errors
 * @param {string} message where no field is at fault
 * @param {(field: string) => void} focus
 */
export function showSummary(summary, errors, message, focus) {
  const link = (/** @type {FieldError} */ { field, message: wrong }) => {
    const click = (/** @type {Event} */ event) => {
      event.preventDefault();
      focus(field);
    };
    return h("li", {}, h("a", { href: location.hash, click }, `${field || "spec"}: ${wrong}`));
  };
  const why = errors.length ? h("ul", {}, errors.map(link)) : h("p", {}, sentence(message));
  summary.hidden = false;
  put(summary, h("h2", {}, "The study was not started"), why);
  summary.focus();
}
