// @ts-check
/** Colours and axes: where values land, and what stays readable. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DECADES,
  colourScale,
  linear,
  luminance,
  sampled,
  ticks,
  vertical,
} from "../../../api/pages/figures/scale.js";

/** The three numbers of "rgb(1 2 3)". */
const rgb = (/** @type {string} */ text) =>
  /** @type {[number, number, number]} */ (text.match(/\d+/g)?.map(Number));

test("the best value has the dark end, the worst the bright one, whichever way is better", () => {
  const values = [1, 2, 3, 4, 5];
  const lower = colourScale(values, "minimize");
  assert.deepEqual(rgb(lower.colour(1)), [68, 1, 84]);
  assert.deepEqual(rgb(lower.colour(5)), [253, 231, 37]);
  const higher = colourScale(values, "maximize");
  assert.equal(higher.colour(5), lower.colour(1));
  assert.equal(higher.colour(1), lower.colour(5));
});

test("the scale ends at the worst tenth, and says so", () => {
  const values = [...Array.from({ length: 10 }, (_, i) => 1 + i / 100), 50];
  const scale = colourScale(values, "minimize");
  assert.equal(scale.good, 1);
  assert.ok(scale.bad !== null && scale.bad < 1.1);
  assert.equal(scale.clipped, true);
  assert.equal(scale.colour(50), scale.colour(1.09));
  assert.equal(colourScale([1, 1, 1], "minimize").clipped, false);
});

test("without values, or with one, there is a scale all the same", () => {
  const none = colourScale([null, null], "minimize");
  assert.deepEqual([none.good, none.bad], [null, null]);
  const one = colourScale([2], "maximize");
  assert.deepEqual(rgb(one.colour(2)), [68, 1, 84]);
});

test("numbers on every colour have a contrast of 4.5 or more", () => {
  const scale = colourScale([0, 1], "maximize");
  for (let i = 0; i <= 100; i += 1) {
    const ground = luminance(rgb(scale.colour(i / 100)));
    const ink = scale.ink(i / 100) === "#000" ? 0 : 1;
    const contrast = (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
    assert.ok(contrast >= 4.5, `${contrast} at ${i} %`);
  }
});

test("ticks are round, within the ends, and about as many as wanted", () => {
  assert.deepEqual(ticks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks(0, 100, 4), [0, 50, 100]);
  assert.deepEqual(
    ticks(-0.25, 0.25, 5),
    [-0.2, -0.1, 0, 0.1, 0.2].map((v) => v + 0),
  );
  assert.deepEqual(ticks(3, 3, 5), [3]);
  for (const [low, high] of /** @type {const} */ ([
    [0, 7],
    [0.013, 0.022],
    [-1e6, 3e6],
  ])) {
    const found = ticks(low, high, 6);
    assert.ok(found.length >= 3 && found.length <= 13, `${found}`);
    assert.ok(
      found.every((v) => v >= low - 1e-9 && v <= high + 1e-9),
      `${found}`,
    );
  }
});

test("a linear map takes ends to ends, and one value to the beginning", () => {
  const place = linear(2, 4, 100, 0);
  assert.deepEqual([2, 3, 4].map(place), [100, 50, 0]);
  assert.equal(linear(1, 1, 10, 90)(1), 10);
});

test("an axis between bounds is logarithmic above 0, and by the square root from 0 on", () => {
  const logarithmic = sampled(0.1, 10, 0, 200, 20);
  assert.equal(Math.round(logarithmic.at(1)), 100);
  const root = sampled(0, 4, 0, 200, 20);
  assert.equal(root.at(1), 100);
  assert.ok(root.ticks.includes(0));
  for (const axis of [logarithmic, root]) {
    const places = axis.ticks.map(axis.at).sort((a, b) => a - b);
    assert.ok(places.every((place, i) => i === 0 || place - (places[i - 1] ?? 0) >= 20));
  }
});

test("a chart is logarithmic where its values differ by more than five times", () => {
  assert.equal(vertical([1, 4.9], 5).logarithmic, false);
  const wide = vertical([0.2, 3], 5);
  assert.equal(wide.logarithmic, true);
  assert.deepEqual(wide.ticks, [0.2, 0.5, 1, 2]);
  assert.equal(vertical([-1, 10], 5).logarithmic, false);
  const flat = vertical([2, 2], 5);
  assert.ok(flat.ends[0] < 2 && flat.ends[1] > 2);
});

test("decades are exact", () => {
  assert.ok(DECADES.includes(0.001) && DECADES.includes(2e-6) && DECADES.includes(5));
});
