// @ts-check
/** The tables of a comparison: what studies found, and what differs between their specs. */

import { h, tau } from "../shared/dom.js";
import { decimalsFor, duration, fixed, number, score, span } from "../shared/format.js";
import { plain } from "../shared/labels.js";
import { studyAddress } from "../shared/links.js";
import { badge } from "../shared/state.js";
import { table } from "../shared/table.js";
import { verdictOf } from "../shared/verdicts.js";

/** @import { Child, Compared, Trial } from "../shared/types.js" */
/** @import { Difference } from "./differences.js" */

/** @param {Compared[]} studies */
export function foundTable(studies) {
  const numeric = (/** @type {Child} */ title) => ({ title, numeric: true });
  return table(
    "what the studies found",
    [
      { title: "Study" },
      { title: "State" },
      { title: "Verdict" },
      numeric(tau("f")),
      numeric(tau("b")),
      numeric("Objective"),
      numeric("Gain, 95 % CI"),
      numeric("Took"),
    ],
    studies.map(rowOf),
  );
}

/** @typedef {Pick<Trial, "estimator" | "tau_f" | "tau_b" | "lr" | "variant">} Configured */

/**
 * What a trial of the search came to on fresh seeds, where the same configuration was confirmed.
 * @template {Configured} T
 * @param {Configured | null} trial
 * @param {Record<string, T>} confirmed
 */
export function confirmedOf(trial, confirmed) {
  /** @param {Configured} one */
  const key = ({ estimator, tau_f, tau_b, lr, variant }) =>
    JSON.stringify([estimator, tau_f, tau_b, lr, variant ?? null]);
  return trial && Object.values(confirmed).find((fresh) => key(fresh) === key(trial));
}

/**
 * @param {Compared} known
 * @param {number} place
 */
function rowOf({ study, results }, place) {
  const { best, gain, confirmed } = results;
  const fresh = (confirmedOf(best, confirmed) ?? best)?.objective;
  const { text } = verdictOf(results);
  const { started_at: started, finished_at: finished } = study;
  const seconds = started && finished ? (Date.parse(finished) - Date.parse(started)) / 1000 : null;
  const decimals = decimalsFor([gain?.mean], 3);
  return [
    [
      h("span", { class: `number series-${place % 6}` }, place + 1),
      " ",
      h("a", { href: studyAddress(study.id) }, study.name),
    ],
    badge(study.state),
    text,
    best ? number(best.tau_f, 6) : "–",
    best ? number(best.tau_b, 6) : "–",
    [
      fresh ? score(fresh.mean, fresh.sem, decimalsFor([fresh.mean])) : "–",
      h("small", { class: "beneath" }, study.objective.title),
    ],
    gain ? [fixed(gain.mean, decimals), h("small", { class: "beneath" }, span(gain.ci95, decimals))] : "–",
    seconds === null ? "–" : duration(seconds),
  ];
}

/**
 * @param {Compared[]} studies
 * @param {Difference[]} found
 */
export function differencesTable(studies, found) {
  if (!found.length) return h("p", { class: "empty" }, "Their specs are the same, but for the name.");
  return table(
    "what differs",
    [{ title: "Field" }, ...studies.map(({ study }) => ({ title: study.name }))],
    found.map(({ field, values }) => [
      h("code", {}, field),
      ...values.map((value) => (value === undefined || value === null ? "–" : plainValue(value))),
    ]),
  );
}

/** @param {string | number | boolean} value */
function plainValue(value) {
  if (typeof value === "number") return number(value, 6);
  return typeof value === "boolean" ? (value ? "yes" : "no") : plain(value);
}
