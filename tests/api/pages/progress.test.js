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

test("where there is no verdict, it is said why", () => {
  const [fresh, same] = [{ confirmed: true }, { confirmed: false }];
  const off = { text: "Off the diagonal", kind: "off", decided: true };
  assert.deepEqual(verdictOf("succeeded", "off the diagonal", fresh), off);
  assert.equal(verdictOf("cancelled", "on the diagonal", fresh).text, "On the diagonal");
  assert.equal(verdictOf("succeeded", "practically on the diagonal", fresh).kind, "on");
  assert.equal(verdictOf("running", "not distinguishable", same).text, "No verdict: still running");
  assert.equal(verdictOf("running", "off the diagonal", fresh).text, "No verdict: still running");
  assert.equal(verdictOf("cancelled", "undecided", same).text, "No verdict: cancelled");
  assert.equal(verdictOf("failed", null, null).text, "No verdict: failed");
  assert.equal(verdictOf("succeeded", "no verdict", same).text, "No verdict");
  assert.equal(verdictOf("succeeded", "undecided", null).text, "No verdict: nothing to compare");
});

test("a verdict is said of a method, too", () => {
  assert.equal(outcomeOf("off the diagonal"), "Better");
  assert.equal(outcomeOf("undecided"), "Undecided");
});

test("tags are the words between commas, each once", () => {
  assert.deepEqual(tagsOf(" paper, two words,, paper "), ["paper", "two words"]);
  assert.deepEqual(tagsOf(""), []);
});
