// @ts-check
/** What differs between specs, and how it is told. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { differences, onlyNumber } from "../../../api/pages/compare/differences.js";
import { confirmedOf } from "../../../api/pages/compare/tables.js";
import { size } from "../../../api/pages/study/files.js";
import { dataOf } from "../../../api/pages/trial/curves.js";
import { seedsText } from "../../../api/pages/trial/trial.js";

test("fields that are not the same in all specs are named by their path", () => {
  const specs = [
    { name: "a", seeds: 3, search: { strategy: "grid", tau_f: [0, 1] }, options: { units: 200 } },
    { name: "b", seeds: 3, search: { strategy: "grid", tau_f: [0, 2] }, options: {} },
  ];
  assert.deepEqual(differences(specs), [
    { field: "search.tau_f", values: ["0, 1", "0, 2"] },
    { field: "options.units", values: [200, undefined] },
  ]);
  assert.deepEqual(differences([specs[0], { ...specs[0], name: "c" }]), []);
});

test("studies can be put in order where one number differs", () => {
  assert.deepEqual(onlyNumber(differences([{ seeds: 3 }, { seeds: 5 }])), { field: "seeds", values: [3, 5] });
  assert.equal(onlyNumber(differences([{ task: "sbn" }, { task: "dln" }])), null);
  assert.equal(
    onlyNumber(
      differences([
        { seeds: 3, epochs: 1 },
        { seeds: 5, epochs: 2 },
      ]),
    ),
    null,
  );
  assert.equal(onlyNumber(differences([{ seeds: 3 }, {}])), null);
});

test("a trial has a curve for each seed below their mean", () => {
  const curve = {
    mean: [1.5, null],
    sem: [0.5, null],
    seeds: [
      [1, 2],
      [2, null],
    ],
  };
  const trial = /** @type {any} */ ({
    seeds: [5, 6],
    curves: { epoch: [1, 2], metrics: { val_loss: curve } },
  });
  const data = dataOf(trial, "val_loss", "Loss");
  assert.deepEqual(
    data.series.map((line) => line.label),
    ["Mean", "Seed 5", "Seed 6"],
  );
  assert.deepEqual(data.series[2]?.mean, [2, null]);
  const single = { ...trial, seeds: [5] };
  single.curves = { epoch: [1, 2], metrics: { val_loss: { ...curve, seeds: [[1, 2]] } } };
  assert.deepEqual(
    dataOf(single, "val_loss", "Loss").series.map((line) => line.label),
    ["Seed 5"],
  );
});

test("seeds in a row are a range, sizes have their unit", () => {
  assert.equal(seedsText([3, 4, 5, 6]), "3 to 6");
  assert.equal(seedsText([3, 5, 6]), "3, 5, 6");
  assert.equal(seedsText([7]), "7");
  assert.deepEqual([0, 999, 1234, 5_600_000].map(size), ["0 B", "999 B", "1.23 kB", "5.6 MB"]);
});

test("what a trial came to on fresh seeds is that of its own configuration", () => {
  const best = { estimator: "decoupled", tau_f: 0, tau_b: 0.5, lr: 0.1, variant: null };
  const off = { ...best, tau_f: 0.1, number: 7 };
  const argmax = { ...best, number: 8 };
  assert.equal(confirmedOf(best, { off_diagonal: off, argmax })?.number, 8);
  assert.equal(confirmedOf(best, { off_diagonal: off }), undefined);
  assert.equal(confirmedOf(null, { argmax }), null);
});
