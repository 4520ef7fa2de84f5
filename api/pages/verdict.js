/** What a study found, in words and in one small picture: the verdict, the gains over every rival, the table of methods. */

import { h, put, s, tau } from "./dom.js";
import { capital, count, decimalsFor, fixed, methodName, number, score, sentence, words } from "./format.js";
import { linear } from "./scale.js";
import { MOVING } from "./state.js";

const KINDS = { "off the diagonal": "off", "on the diagonal": "on", "not distinguishable": "unclear" };

/** Fills the verdict's panel from a study and its results. */
export function verdict(panel, study, results) {
  const open = study.state !== "succeeded" && !results.gain?.confirmed;
  panel.className = `verdict ${open ? "unclear" : KINDS[results.verdict] ?? "unclear"}`;
  put(panel,
    h("p", { class: "eyebrow" }, "Verdict"),
    h("h2", {}, !open ? capital(results.verdict) : study.state === "cancelled" ? "Not decided" : "Not decided yet"),
    h("p", { class: "because" }, open ? stillOpen(study, results) : sentence(results.verdict_reason)),
    results.best && bestPair(results.best),
    gains(results),
    results.notes.length > 0 && h("ul", { class: "notes" }, results.notes.map((note) => h("li", {}, sentence(note)))));
}

/** Why a study that has not ended says nothing yet. */
function stillOpen({ state, spec }, results) {
  if (!results.gain) return sentence(results.verdict_reason);
  if (!spec.confirm_seeds) return "The study has no fresh seeds to decide on: its spec says confirm_seeds 0.";
  if (state === "cancelled") return "Fresh seeds would have decided; the study was cancelled before. The gain below flatters whoever was selected.";
  return "Fresh seeds decide: when the search has ended, the best of every method is trained on them. Until then the gain below flatters whoever was selected.";
}

function bestPair(best) {
  const part = (name, value) => h("div", {}, h("dt", {}, name), h("dd", { class: "num" }, value));
  return h("dl", { class: "best" },
    part(["Best ", tau("f")], number(best.tau_f, 6)),
    part(["Best ", tau("b")], number(best.tau_b, 6)),
    part("Learning rate", number(best.lr, 6)),
    best.variant?.schedule?.length > 1 && part("Then", `scheduled, ${count(best.variant.schedule.length - 1, "change")}`));
}

/** A row for each rival with its interval as a picture; all on one scale, where 0 is "no better". */
function gains(results) {
  const rows = [["diagonal", results.gain], ...Object.entries(results.gains)].filter(([name, gain], i) =>
    gain && !(i > 0 && name === "softmax" && results.gain?.against === gain.against));
  if (!rows.length) return null;
  const ends = rows.flatMap(([, gain]) => gain.ci95 ?? [gain.mean]);
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const room = (high - low) * 0.04 || 1;
  const x = linear(low - room, high + room, 0, 200);
  const decimals = decimalsFor(rows.map(([, gain]) => gain.mean), 3);
  const seeds = rows[0][1].seeds;
  const fresh = rows.every(([, gain]) => gain.confirmed) ? "fresh seeds" : "seeds";
  const holm = rows.some(([, gain]) => gain.p_holm !== null && gain.p_holm !== undefined);
  const note = h("p", { class: "hint gains-note", id: "gains-note" }, `Gain in ${words(results.objective.name)} of the best off the diagonal, `,
    `paired over ${seeds} ${fresh}; above 0 it is better than the rival. p is of the paired t-test, two-sided`,
    holm ? "; over the baselines it is corrected for their number by Holm's method." : ".");
  return [note, h("div", { class: "wide", role: "region", "aria-label": "Table of gains", tabindex: "0" }, h("table", { class: "gains", "aria-describedby": "gains-note" },
    h("thead", {}, h("tr", {},
      h("th", { scope: "col" }, "Rival"), h("th", { scope: "col", class: "num" }, "Gain"),
      h("th", { scope: "col", class: "num" }, "95 % CI"), h("th", { scope: "col", class: "num" }, "p"),
      h("th", { scope: "col", class: "picture" }, h("span", { class: "visually-hidden" }, "Interval as a picture")))),
    h("tbody", {}, rows.map(([name, gain]) => h("tr", {},
      h("th", { scope: "row" }, capital(methodName(name))),
      h("td", { class: "num" }, fixed(gain.mean, decimals)),
      h("td", { class: "num" }, gain.ci95 ? `${fixed(gain.ci95[0], decimals)} to ${fixed(gain.ci95[1], decimals)}` : "–"),
      h("td", { class: "num" }, gain.p_value === null ? "–" : chance(gain.p_holm ?? gain.p_value), gain.p_holm !== null && gain.p_holm !== undefined && h("small", {}, " Holm")),
      h("td", { class: "picture" }, interval(gain, x)))))))];
}

/** A p-value; what is smaller than the test's assumptions can carry is not spelled out. */
function chance(p) {
  return p < 1e-12 ? "< 1e−12" : number(p, 2);
}

function interval(gain, x) {
  const [from, to] = gain.ci95 ?? [gain.mean, gain.mean];
  const sure = gain.ci95 && (from > 0 || to < 0);
  return s("svg", { class: `interval ${sure ? "sure" : ""}`, viewBox: "0 0 200 16", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("line", { class: "zero", x1: x(0), x2: x(0), y1: 0, y2: 16 }),
    s("line", { class: "range", x1: x(from), x2: x(to), y1: 8, y2: 8 }),
    s("line", { class: "mean", x1: x(gain.mean), x2: x(gain.mean), y1: 3, y2: 13 }));
}

/** The chosen trial of every method: in the search, and on fresh seeds. */
export function methods(holder, results) {
  const chosen = [["off_diagonal", results.off_diagonal_best], ["diagonal", results.diagonal_best], ...Object.entries(results.baselines)]
    .filter(([, trial]) => trial);
  if (!chosen.length) return put(holder, h("p", { class: "empty" }, "No trial has finished yet."));
  const shown = (name) => results.confirmed[name]?.objective;
  const decimals = decimalsFor(chosen.flatMap(([name, trial]) => [trial.objective.mean, shown(name)?.mean]));
  const objective = words(results.objective.name);
  const cell = (text) => h("td", { class: "num" }, text);
  const head = (...text) => h("th", { scope: "col", class: "num" }, ...text);
  return put(holder,
    h("div", { class: "wide", role: "region", "aria-label": "Table of methods", tabindex: "0" }, h("table", {},
      h("thead", {}, h("tr", {},
        h("th", { scope: "col" }, "Method"), head(tau("f")), head(tau("b")), head("Learning rate"),
        head(`${capital(objective)}, search`), head("Fresh seeds"), head("Chosen from"))),
      h("tbody", {}, chosen.map(([name, trial]) => h("tr", {},
        h("th", { scope: "row" }, capital(name.endsWith("diagonal") ? `decoupled ST, ${methodName(name)}` : methodName(name)),
          trial.variant?.schedule?.length > 1 && h("small", { class: "beneath" }, "scheduled; here is how it began")),
        cell(number(trial.tau_f, 6)), cell(number(trial.tau_b, 6)), cell(number(trial.lr, 6)),
        cell(score(trial.objective.mean, trial.objective.sem, decimals)),
        cell(score(shown(name)?.mean, shown(name)?.sem, decimals)),
        cell(results.tuned_with[name] === undefined ? "–" : count(results.tuned_with[name], "trial"))))))),
    h("p", { class: "hint" },
      "Mean ± standard error over seeds. The search column flatters whoever was selected on it; the fresh seeds were not used to select."));
}

/** The paper's claims, where the results answer them: {name: {claim, status, reason, parts: [{what, status, reason}]}}. */
export function claims(holder, results) {
  const answers = Object.entries(results.claims ?? {});
  holder.hidden = answers.length === 0 || MOVING.has(results.state); // no answer while it runs
  put(holder.querySelector("dl"), answers.map(([name, { claim, status, reason, parts }]) => [
    h("dt", {}, h("span", { class: `answer ${status.replaceAll(" ", "-")}` }, capital(status)), ` ${name}: ${claim}`),
    h("dd", {}, parts.length > 1
      ? h("details", {}, h("summary", {}, `${count(parts.length, "part")}`),
        h("ul", {}, parts.map((part) => h("li", {}, `${capital(part.what)}: ${part.status}. ${sentence(part.reason)}`))))
      : sentence(reason))]));
}
