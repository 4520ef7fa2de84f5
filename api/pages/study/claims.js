// @ts-check
/** The paper's claims, where the results answer them. */

import { h, put, whenChanged } from "../shared/dom.js";
import { capital, count, sentence } from "../shared/format.js";
import { MOVING } from "../shared/state.js";
import { section } from "./part.js";

/** @import { Claim, ClaimPart, Results } from "../shared/types.js" */
/** @import { Part } from "./part.js" */

/** @returns {Part} */
export function claims() {
  const holder = h("dl", { class: "claims" });
  const element = section("Claims of the paper", holder);
  const draw = whenChanged((/** @type {Results} */ results) => {
    const answers = Object.entries(results.claims);
    element.hidden = answers.length === 0 || MOVING.has(results.state); // no answer while it runs
    put(
      holder,
      answers.map(([name, claim]) => answer(name, claim)),
    );
  });
  return { element, update: ({ results }) => draw(results) };
}

/**
 * @param {string} name
 * @param {Claim} claim
 */
function answer(name, { claim, status, reason, parts }) {
  const said = h("span", { class: `answer ${status.replaceAll(" ", "-")}` }, capital(status));
  return [
    h("dt", {}, said, ` ${name}: ${claim}`),
    h("dd", {}, parts.length > 1 ? listed(parts) : sentence(reason)),
  ];
}

/** @param {ClaimPart[]} parts */
function listed(parts) {
  const line = (/** @type {ClaimPart} */ { what, status, reason }) =>
    h("li", {}, `${capital(what)}: ${status}. ${sentence(reason)}`);
  return h("details", {}, h("summary", {}, count(parts.length, "part")), h("ul", {}, parts.map(line)));
}
