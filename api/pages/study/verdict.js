// @ts-check
/** The verdict: what a study found, in words, with the best pair and the gains over every rival. */

import { h, put, tau, whenChanged } from "../shared/dom.js";
import { capital, count, number, sentence, settingsText, spelled } from "../shared/format.js";
import { methodName } from "../shared/labels.js";
import { outcomeOf, verdictOf } from "../shared/verdicts.js";
import { gains } from "./gains.js";

/** @import { Comparison, Results, Study, Trial } from "../shared/types.js" */
/** @import { Part } from "./part.js" */

/** @returns {Part} */
export function verdictPanel() {
  const element = h("section", { class: "verdict unclear", "aria-label": "Verdict" });
  const draw = whenChanged((/** @type {Study} */ study, /** @type {Results} */ results) => {
    const { text, kind } = verdictOf(results);
    const notes = results.notes.map((note) => h("li", {}, sentence(spelled(note))));
    element.className = `verdict ${kind}`;
    put(
      element,
      h("p", { class: "eyebrow" }, "Verdict"),
      h("h2", {}, text),
      h("p", { class: "because" }, sentence(spelled(results.verdict_reason))),
      judged(results),
      gains(results, study.objective.label),
      confirmed(results),
      beside(results),
      notes.length > 0 && h("ul", { class: "notes" }, notes),
    );
  });
  return { element, update: ({ study, results }) => draw(study, results) };
}

/**
 * How the confirmation went.
 * @param {Results} results
 */
function confirmed({ confirmation }) {
  if (!confirmation?.seeds) return null;
  const { looks, boundary, seeds, margin, margin_given: given } = confirmation;
  const held = boundary === "obrien-fleming" ? ", by the boundary of O'Brien and Fleming" : "";
  const at =
    looks.length > 1 ? `, looked at after ${looks.slice(0, -1).join(", ")} and ${looks.at(-1)}${held}` : "";
  const least =
    margin > 0 ? ` A gain below the margin of ${number(margin, 3)} (${given}) is of no interest.` : "";
  return h("p", { class: "hint" }, `Confirmed on ${count(seeds, "fresh seed")}${at}.${least}`);
}

/**
 * The verdicts beside the main one.
 * @param {Results} results
 */
function beside({ argmax, as_printed: printed }) {
  const said = (
    /** @type {string} */ name,
    /** @type {Comparison | null} */ comparison,
    /** @type {(verdict: string) => string} */ say,
  ) =>
    comparison && [
      h("dt", {}, name),
      h("dd", {}, h("strong", {}, `${say(comparison.verdict)}. `), sentence(spelled(comparison.reason))),
    ];
  if (!argmax && !printed) return null;
  return h("dl", { class: "beside" }, [
    said(`${capital(methodName("argmax"))}, against the diagonal`, argmax, outcomeOf),
    said("The search alone, as the paper prints it", printed, capital),
  ]);
}

/**
 * What the verdict is about: the best pair off the diagonal and the best on it, and argmax, which has no
 * partner there. The best of the search may be any of them.
 * @param {Results} results
 */
function judged({ off_diagonal_best: off, diagonal_best: on, argmax_best: argmax }) {
  const pairs = [
    off && pair("Best off the diagonal", off),
    on && pair("Best on the diagonal", on),
    argmax && pair("Best with argmax", argmax),
  ];
  return pairs.some(Boolean) && h("dl", { class: "best" }, pairs);
}

/**
 * @param {string} name
 * @param {Trial} trial
 */
function pair(name, { tau_f, tau_b, lr, variant }) {
  const changes = (variant?.schedule?.length ?? 1) - 1;
  const beside = [
    `learning rate ${number(lr, 6)}`,
    ...settingsText(variant?.optimizer ?? {}),
    ...(changes > 0 ? [`then scheduled, ${count(changes, "change")}`] : []),
  ];
  const value = [tau("f"), ` ${number(tau_f, 6)}, `, tau("b"), ` ${number(tau_b, 6)}`];
  return h(
    "div",
    {},
    h("dt", {}, name),
    h("dd", { class: "num" }, value),
    h("dd", { class: "hint" }, beside.join(", ")),
  );
}
