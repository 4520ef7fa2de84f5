// @ts-check
/** The paper's claims, where the results answer them. */

import { h, put, whenChanged } from "../shared/dom.js";
import { capital, count, sentence, spelled } from "../shared/format.js";
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
    const answered = answers.some(([, { status }]) => status !== "undecided");
    element.hidden =
      answers.length === 0 || (results.state !== "succeeded" && !answered) || MOVING.has(results.state);
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
    h("dt", {}, said, ` ${name}: ${spelled(claim)}`),
    h("dd", {}, parts.length > 1 ? listed(parts) : sentence(spelled(reason))),
  ];
}

/**
 * The parts of a claim, and how many of them it stands or falls with.
 * @param {ClaimPart[]} parts
 */
function listed(parts) {
  const line = (/** @type {ClaimPart} */ { what, status, reason, counts }) =>
    h(
      "li",
      {},
      `${capital(spelled(what))}${counts ? "" : " (beside)"}: ${status}. ${sentence(spelled(reason))}`,
    );
  const counting = parts.filter(({ counts }) => counts).length;
  const which = counting < parts.length ? `, of which ${counting} count` : "";
  const title = h("summary", {}, count(parts.length, "part") + which);
  return h("details", {}, title, h("ul", {}, parts.map(line)));
}
