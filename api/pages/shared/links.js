// @ts-check
/** Where things are: the addresses of views, and links and buttons that lead there. */

import { announce, h } from "./dom.js";
import { sentence } from "./format.js";
import { download } from "./http.js";

/** @import { Child } from "./types.js" */

/** @param {string} id */
export function studyAddress(id) {
  return `#/studies/${id}`;
}

/**
 * @param {string} study
 * @param {number} number
 */
export function trialAddress(study, number) {
  return `${studyAddress(study)}/trials/${number}`;
}

/**
 * A link to the page of a trial. It has an id, so that it keeps the focus when it is drawn anew.
 * @param {string} study
 * @param {number} number
 * @param {Child} text
 * @param {string} [where] tells links to the same trial apart
 */
export function trialLink(study, number, text, where = "row") {
  return h("a", { href: trialAddress(study, number), id: `trial-${where}-${number}` }, text);
}

/**
 * A link to another service, in a tab of its own; nothing where there is no address.
 * @param {string | null | undefined} href
 * @param {string} text
 * @param {string} [title] what a reader should know before following it
 */
export function away(href, text, title) {
  return href ? h("a", { href, target: "_blank", rel: "noopener", title }, text) : null;
}

/**
 * A button that saves a file of the API.
 * @param {string} path
 * @param {string} name under which it is saved
 * @param {string} text
 */
export function saveButton(path, name, text) {
  const click = () => download(path, name).catch((error) => announce(sentence(error.message)));
  return h("button", { type: "button", class: "link", click }, text);
}
