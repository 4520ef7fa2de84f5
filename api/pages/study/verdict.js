// @ts-check
/** The verdict: what a study found, in words, with the best pair and the gains over every rival. */

import { h, put, tau, whenChanged } from "../shared/dom.js";
import { capital, count, number, sentence } from "../shared/format.js";
import { verdictOf } from "../shared/verdicts.js";
import { gains } from "./gains.js";

/** @import { Child, Results, Study, Trial } from "../shared/types.js" */
/** @import { Part } from "./part.js" */

/** @returns {Part} */
export function verdictPanel() {
  const element = h("section", { class: "verdict unclear", "aria-label": "Verdict" });
  const draw = whenChanged((/** @type {Study} */ study, /** @type {Results} */ results) => {
    const { text, kind, decided } = verdictOf(study.state, results.verdict, results.gain);
    const notes = results.notes.map((note) => h("li", {}, sentence(note)));
    element.className = `verdict ${kind}`;
    put(
      element,
      h("p", { class: "eyebrow" }, "Verdict"),
      h("h2", {}, text),
      h("p", { class: "because" }, decided ? sentence(results.verdict_reason) : whyNot(study, results)),
      results.best && bestPair(results.best),
      gains(results, study.objective.label),
      notes.length > 0 && h("ul", { class: "notes" }, notes),
    );
  });
  return { element, update: ({ study, results }) => draw(study, results) };
}

/**
 * Why there is no verdict.
 * @param {Study} study
 * @param {Results} results
 */
function whyNot({ state, spec }, results) {
  if (!results.gain) return sentence(results.verdict_reason);
  if (!spec.confirm_seeds) return "The study has no fresh seeds to decide on: its spec says confirm_seeds 0.";
  const flatters = "the gain below flatters whoever was selected.";
  if (state === "cancelled") {
    return `Fresh seeds would have decided; the study was cancelled before. ${capital(flatters)}`;
  }
  const then = "when the search has ended, the best of every method is trained on them";
  return `Fresh seeds decide: ${then}. Until then ${flatters}`;
}

/** @param {Trial} best */
function bestPair({ tau_f, tau_b, lr, variant }) {
  const part = (/** @type {Child} */ name, /** @type {string} */ value) =>
    h("div", {}, h("dt", {}, name), h("dd", { class: "num" }, value));
  const changes = (variant?.schedule?.length ?? 1) - 1;
  return h(
    "dl",
    { class: "best" },
    part(["Best ", tau("f")], number(tau_f, 6)),
    part(["Best ", tau("b")], number(tau_b, 6)),
    part("Learning rate", number(lr, 6)),
    changes > 0 && part("Then", `scheduled, ${count(changes, "change")}`),
  );
}
