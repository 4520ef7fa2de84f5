// @ts-check
/** What charts and landscapes draw of the API's answers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { describe, points } from "../../../api/pages/figures/points.js";
import { budgetData, curveData, marginalData, stageData } from "../../../api/pages/figures/series.js";
import {
  fullMethodName,
  learn,
  methodName,
  metricTitle,
  stateName,
} from "../../../api/pages/shared/labels.js";
import { sorted } from "../../../api/pages/shared/sorted_table.js";

const objective = {
  name: "val_loss",
  direction: /** @type {const} */ ("minimize"),
  label: "validation loss",
  title: "validation loss (nats)",
};

learn({
  labels: {
    methods: {
      diagonal: "on the diagonal",
      identity: "identity ST",
      softmax: "softmax ST",
      decoupled: "decoupled ST",
    },
    states: { stopped: "stopped at a rung" },
  },
  items: [
    {
      name: "sbn",
      datasets: [],
      baselines: [],
      metrics: [],
    },
  ],
});

/** @param {Record<string, unknown>} fields */
const trial = (fields) =>
  /** @type {any} */ ({
    number: 0,
    role: "search",
    estimator: "decoupled",
    tau_f: 0.1,
    tau_b: 0.5,
    lr: 0.001,
    state: "succeeded",
    reason: null,
    mean: 1,
    sem: 0.1,
    ...fields,
  });

/** @param {string} method */
const curve = (method, epoch = [1, 2]) => ({
  method,
  trial: 0,
  estimator: method,
  tau_f: null,
  tau_b: 0.5,
  lr: 0.001,
  seeds: [0, 1],
  epoch,
  mean: epoch.map(() => 1),
  sem: epoch.map(() => null),
});

test("softmax is the diagonal: it has no curve of its own beside it", () => {
  const all = { curves: ["diagonal", "softmax", "identity"].map((m) => curve(m)) };
  assert.deepEqual(
    curveData(all, { id: "a", objective }).series.map((line) => line.label),
    ["On the diagonal, τb\u00a00.5", "Identity ST, τb\u00a00.5"],
  );
  const alone = { curves: [curve("softmax"), curve("gumbel", [])] };
  assert.deepEqual(
    curveData(alone, { id: "a", objective }).series.map((line) => line.label),
    ["Softmax ST, τb\u00a00.5"],
  );
});

/** @param {Record<string, unknown>} fields */
const results = (fields) => /** @type {any} */ ({ baselines: {}, stages: null, marginals: null, ...fields });

test("the lines of one temperature start at the optimum, and are absent between bounds", () => {
  const best = { tau_f: [0, 1, 2], mean: [3, 1, 2], sem: [null, null, null] };
  const along = { tau_f: [0, 1], tau_b: 0.5, mean: [3, 1], sem: [null, null] };
  const other = { best: { ...best, tau_b: [1, 2, 3] }, at_optimum: { ...along, tau_f: 1, tau_b: [1, 2] } };
  const found = results({ marginals: { tau_f: { best, at_optimum: along }, tau_b: other } });
  const spec = /** @type {any} */ ({ search: { tau_f: [0, 1, 2], tau_b: { low: 1, high: 3, step: 1 } } });
  const data = marginalData(found, spec, objective);
  assert.deepEqual(
    data?.map((chart) => chart.start),
    [1, 2],
  );
  assert.deepEqual(data?.[0]?.series[1]?.label, "τb 0.5, the optimum's");
  const free = /** @type {any} */ ({ search: { tau_f: { low: 0, high: 2 }, tau_b: [1] } });
  assert.equal(marginalData(found, free, objective), null);
  assert.equal(marginalData(results({}), spec, objective), null);
  const dropped = { ...found, marginals: { ...found.marginals, tau_f: { ...found.marginals?.tau_f } } };
  Object.assign(dropped.marginals.tau_f, { best: { tau_f: [0, 1], mean: [1, null], sem: [null, null] } });
  assert.equal(marginalData(/** @type {any} */ (dropped), spec, objective), null); // a line of one point
});

test("stages have each baseline as a level", () => {
  const line = { tau_f: [0, 1], tau_b: [1, 2], mean: [2, 1], sem: [null, null] };
  const stages = { tau_b_start: 1, best_tau_f: 1, first: line, second: line };
  const baselines = { identity: { objective: { mean: 5 } } };
  const [first, second] = stageData(results({ stages, baselines }), objective) ?? [];
  assert.deepEqual(first?.series[1]?.mean, [5, 5]);
  assert.equal(first?.start, 1);
  assert.equal(second?.xLabel, "τb");
  assert.equal(stageData(results({ stages: { ...stages, best_tau_f: null } }), objective), null);
});

/** @param {import("../../../api/pages/shared/types.js").BriefTrial[]} items */
const all = (items, compared_at = /** @type {number | null} */ (null)) => ({
  items,
  next: null,
  compared_at,
});

test("a pair shows its best learning rate", () => {
  const found = points(
    all([
      trial({ number: 0, mean: 2 }),
      trial({ number: 1, mean: 1, lr: 0.01 }),
      trial({ number: 3, tau_b: 1, mean: null, state: "diverged" }),
      trial({ number: 4, role: "confirm", tau_b: 2 }),
      trial({ number: 5, tau_b: 3, state: "stopped" }),
    ]),
    "minimize",
  );
  assert.deepEqual(
    found.map((p) => [p.tau_b, p.mean, p.last.lr, p.kind]),
    [
      [0.5, 1, 0.01, "done"],
      [1, null, 0.001, "void"],
      [3, null, 0.001, "dropped"],
    ],
  );
  assert.equal(points(all([trial({ mean: 2 }), trial({ mean: 1 })]), "maximize")[0]?.mean, 2);
});

test("pairs are compared at one epoch while some are under way", () => {
  const found = points(
    all(
      [
        trial({ number: 0, mean: 1, compared: { mean: 5, sem: 0 } }),
        trial({ number: 1, tau_b: 1, state: "running", mean: 3, compared: { mean: 4, sem: 0 } }),
        trial({ number: 2, tau_b: 2, state: "running", mean: 9, compared: null }),
        trial({ number: 3, tau_b: 3, state: "stopped", mean: 3, compared: { mean: 6, sem: 0 } }),
      ],
      10,
    ),
    "minimize",
  );
  assert.deepEqual(
    found.map((p) => [p.mean, p.kind]),
    [
      [5, "done"],
      [4, "partial"],
      [null, "waiting"],
      [6, "partial"],
    ],
  );
});

test("as many trials off the diagonal and on it are two lines, where there are more than one of each", () => {
  const found = { trials: [1, 2], off_diagonal: [0.4, 0.3], diagonal: [0.5, 0.4] };
  const data = budgetData(found, objective);
  assert.deepEqual(
    data?.series.map(({ x, mean }) => [x, mean]),
    [
      [
        [1, 2],
        [0.4, 0.3],
      ],
      [
        [1, 2],
        [0.5, 0.4],
      ],
    ],
  );
  assert.equal(data?.yLabel, "Validation loss (nats)");
  assert.equal(budgetData(null, objective), null);
  assert.equal(budgetData({ trials: [1], off_diagonal: [0.4], diagonal: [0.5] }, objective), null);
});

test("a pair says what it is", () => {
  const study = /** @type {any} */ ({ objective, spec: { learning_rates: [0.1, 1] } });
  const shown = { decimals: 2, marks: { optimum: "0.1 0.5", diagonal: "1 1", best: null, rival: null } };
  const say = (/** @type {any} */ fields, /** @type {number | null} */ at) => {
    const [point] = points(all([trial(fields)], at), "minimize");
    return describe(point, 0.1, 0.5, study, { ...shown, at });
  };
  const [pair, value, lr, now, mark] = say(
    { state: "running", epoch: 30, compared: { mean: 2, sem: 0.2 } },
    10,
  );
  assert.equal(pair, "τf 0.1, τb 0.5");
  assert.equal(value, "validation loss 2.00 ± 0.20 at epoch 10");
  assert.equal(lr, "learning rate 0.001");
  assert.equal(now, "at epoch 30 now: 1.00 ± 0.10");
  assert.equal(mark, "the optimum");
  assert.equal(say({ epoch: 40, compared: { mean: 2, sem: 0 } }, 10)[3], "at its end: 1.00 ± 0.10");
  assert.equal(say({ epoch: 40 }, null)[1], "validation loss 1.00 ± 0.10");
  assert.equal(say({ epoch: 5, state: "stopped" }, null)[2], "dropped at epoch 5: 1.00 ± 0.10");
  assert.equal(
    say({ epoch: 5, state: "stopped", compared: { mean: 1, sem: 0 } }, 5)[3],
    "stopped at epoch 5",
  );
  assert.equal(say({ mean: null, state: "failed", reason: "no memory" }, null)[2], "failed: no memory");
  assert.deepEqual(describe(undefined, 1, 1, study, { ...shown, at: null }), [
    "τf 1, τb 1",
    "not run",
    "on the diagonal",
    "the best on the diagonal",
  ]);
});

test("trials without a value come last, whichever way they are sorted", () => {
  const trials = [
    trial({ number: 0, mean: null }),
    trial({ number: 1, mean: 2 }),
    trial({ number: 2, mean: 1 }),
  ];
  const order = (/** @type {boolean} */ descending) =>
    sorted(trials, (t) => t.mean, descending).map((t) => t.number);
  assert.deepEqual(order(false), [2, 1, 0]);
  assert.deepEqual(order(true), [1, 2, 0]);
});

test("things are called as the service calls them", () => {
  assert.equal(methodName("softmax"), "softmax ST");
  assert.equal(fullMethodName("diagonal"), "decoupled ST, on the diagonal");
  assert.equal(methodName("of_a_plug_in"), "of a plug in");
  assert.equal(stateName("stopped"), "stopped at a rung");
  const study = { metrics: [{ name: "ece", label: "error", title: "error (%)" }] };
  assert.equal(metricTitle(study, "ece"), "error (%)");
  assert.equal(metricTitle(study, "val_loss"), "val loss");
});
