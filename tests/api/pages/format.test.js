// @ts-check
/** Numbers, times and texts as readers see them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ago,
  count,
  decimalsFor,
  duration,
  fixed,
  number,
  score,
  sentence,
  shareText,
  span,
  spelled,
} from "../../../api/pages/shared/format.js";

test("a number has its significant digits and a real minus", () => {
  assert.equal(number(0.123456), "0.1235");
  assert.equal(number(1e-3, 6), "0.001");
  assert.equal(number(-2.5), "−2.5");
  assert.equal(number(1.5e-7), "1.5e−7");
  assert.equal(number(1234567), "1.235e6");
  assert.equal(number(0), "0");
  assert.equal(number(null), "–");
});

test("decimals are those of a typical value, so that a column aligns", () => {
  assert.equal(decimalsFor([0.123, 0.2, 40]), 4);
  assert.equal(decimalsFor([123.4, 150]), 1);
  assert.equal(decimalsFor([null, undefined, NaN]), 3);
  assert.equal(decimalsFor([1e-9]), 6);
  assert.equal(decimalsFor([123456]), 0);
  assert.equal(fixed(-0.5, 2), "−0.50");
});

test("a score without an error has none, and without a mean is a dash", () => {
  assert.equal(score(1, 0.25, 2), "1.00 ± 0.25");
  assert.equal(score(1, null, 2), "1.00");
  assert.equal(score(null, 0.25, 2), "–");
  assert.equal(span([-0.1, 0.25], 2), "−0.10 to 0.25");
  assert.equal(span(null, 2), "–");
});

test("lengths of time have one or two units", () => {
  const expected = /** @type {[number, string][]} */ ([
    [4.4, "4 s"],
    [61, "1 min 1 s"],
    [120, "2 min"],
    [1000, "16 min"],
    [3600, "1 h"],
    [5400, "1 h 30 min"],
    [90000, "1 day 1 h"],
    [172800, "2 days"],
  ]);
  for (const [seconds, text] of expected) assert.equal(duration(seconds), text);
});

test("what is long ago has a date", () => {
  const now = Date.parse("2026-03-10T12:00:00Z");
  assert.equal(ago("2026-03-10T11:59:55Z", now), "just now");
  assert.equal(ago("2026-03-10T11:15:00Z", now), "45 min ago");
  assert.equal(ago("2026-03-09T12:00:00Z", now), "1 day ago");
  assert.equal(ago("2026-02-01T12:00:00Z", now), "2026-02-01");
});

test("a sentence begins with a capital and ends once", () => {
  assert.equal(sentence("it does not fit"), "It does not fit.");
  assert.equal(sentence(" Really? "), "Really?");
  assert.equal(count(1, "trial"), "1 trial");
  assert.equal(count(1200, "study", "studies"), "1,200 studies");
});

test("a share has no digits that mean nothing", () => {
  const shown = [0, 2.5e-10, 0.0004, 0.0051, 0.0994, 0.0996, 0.634, 1].map(shareText);
  assert.deepEqual(shown, ["0 %", "< 0.1 %", "< 0.1 %", "0.5 %", "9.9 %", "10 %", "63 %", "100 %"]);
});

test("temperatures are spelled as the page spells them, and fields of a spec are not touched", () => {
  assert.equal(spelled("the diagonal tau_f = tau_b; tau_b_start"), "the diagonal τf = τb; tau_b_start");
});
