// @ts-check
/** What a study says of its progress, and of its verdict. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { clockText, progressText, trainingLines } from "../../../api/pages/shared/progress.js";
import { outcomeOf, verdictOf } from "../../../api/pages/shared/verdicts.js";
import { tagsOf } from "../../../api/pages/study/remarks.js";

const progress = {
  trials: { done: 12, running: 8, failed: 1, total: 36 },
  members: { done: 24, total: 72 },
  fraction: 0.3199,
  eta_s: 130,
  training: [],
};

test("progress counts trials and training", () => {
  assert.equal(progressText(progress), "12 of 36 trials · 31 % of the training · 1 failed");
  const unknown = { ...progress, trials: { ...progress.trials, failed: 0, total: null }, fraction: null };
  assert.equal(progressText(unknown), "12 trials");
});

test("the clock goes up and the rest goes down", () => {
  const started = Date.parse("2026-03-10T12:00:00Z");
  const study = { state: /** @type {const} */ ("running"), started_at: "2026-03-10T12:00:00Z", progress };
  const endsAt = started + 200_000;
  assert.equal(clockText(study, endsAt, started + 70_000), "1 min 10 s so far · about 2 min 10 s left");
  assert.equal(clockText(study, endsAt, started + 80_000), "1 min 20 s so far · about 2 min left");
  assert.equal(clockText(study, endsAt, started + 260_000), "4 min 20 s so far · about to end");
  assert.equal(clockText({ ...study, progress: { ...progress, eta_s: null } }, 0, started - 5), "0 s so far");
  assert.equal(clockText({ ...study, state: "interrupted" }, endsAt, started), "");
});

test("populations are told by their trials", () => {
  const one = { roles: ["search"], trials: 15, first: 12, last: 26, fraction: 0.3, epoch: 30, epochs: 100 };
  assert.deepEqual(trainingLines([one]), ["trials 12 to 26 of the search: epoch 30 of 100"]);
  const single = { ...one, roles: ["confirm"], trials: 1, first: 40, last: 40, epoch: null, epochs: null };
  assert.deepEqual(trainingLines([single]), ["trial 40 on fresh seeds: 30 % of their steps"]);
  assert.equal(trainingLines(Array(5).fill(one)).at(-1), "and 2 more populations");
});

test("a verdict is shown as the service words it, and coloured by what it is", () => {
  const off = { headline: "off the diagonal", verdict: "off the diagonal" };
  assert.deepEqual(verdictOf(off), { text: "Off the diagonal", kind: "off" });
  assert.equal(verdictOf({ headline: "", verdict: "practically on the diagonal" }).kind, "on");
  const none = { headline: "no verdict: cancelled", verdict: "no verdict" };
  assert.deepEqual(verdictOf(none), { text: "No verdict: cancelled", kind: "unclear" });
  assert.deepEqual(verdictOf({}), { text: "", kind: "unclear" });
});

test("a verdict is said of a method, too", () => {
  assert.equal(outcomeOf("off the diagonal"), "Better");
  assert.equal(outcomeOf("undecided"), "Undecided");
});

test("tags are the words between commas, each once", () => {
  assert.deepEqual(tagsOf(" paper, two words,, paper "), ["paper", "two words"]);
  assert.deepEqual(tagsOf(""), []);
});
