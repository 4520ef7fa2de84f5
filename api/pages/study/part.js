// @ts-check
/** The parts that a study's page is made of: each has an element, and shows what is known of the study. */

import { h } from "../shared/dom.js";

/** @import { Child, Known } from "../shared/types.js" */

/** @typedef {{element: HTMLElement, update: (known: Known) => void}} Part */

/**
 * A titled section of the page.
 * @param {string} title
 * @param {...Child} content
 */
export function section(title, ...content) {
  const id = `section-${title.toLowerCase().replaceAll(" ", "-")}`;
  return h(
    "section",
    { class: "card", "aria-labelledby": id },
    h("h2", { id, tabindex: "-1" }, title),
    ...content,
  );
}
