// @ts-check
/** What fields show of a spec, and what a spec gets of them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { KINDS, at, changed } from "../../../api/pages/form/spec_text.js";
import { switched } from "../../../api/pages/form/strategies.js";

test("values are a list, a range with steps, or bounds; what they are not is left to the service", () => {
  const { read, show } = KINDS.values;
  assert.deepEqual(read("0, 0.1;0.5 1"), [0, 0.1, 0.5, 1]);
  assert.deepEqual(read("0 to 2 step 0.1"), { low: 0, high: 2, step: 0.1 });
  assert.deepEqual(read("0..2 by 0.5"), { low: 0, high: 2, step: 0.5 });
  assert.deepEqual(read("0.1 – 1"), { low: 0.1, high: 1 });
  assert.deepEqual(read("0, much"), [0, "much"]);
  assert.equal(read("  "), undefined);
  for (const given of [[0, 0.5], { low: 0, high: 2, step: 0.1 }, { low: 0.1, high: 1 }]) {
    assert.deepEqual(read(show(given)), given);
  }
});

test("a number is a number, and any other text stays one", () => {
  const { read, show } = KINDS.number;
  assert.equal(read(" 1e-3 "), 0.001);
  assert.equal(read("many"), "many");
  assert.equal(read(""), undefined);
  assert.equal(show(null), "");
  assert.equal(show(0), "0");
  assert.equal(KINDS.text.read(" mine "), "mine");
});

test("fresh seeds are a number, or the numbers after which they are looked at", () => {
  const { read, show } = KINDS.looks;
  assert.equal(read("5"), 5);
  assert.deepEqual(read("5, 10, 20"), { looks: [5, 10, 20] });
  assert.equal(read("few"), "few");
  assert.equal(read(""), undefined);
  assert.equal(show({ looks: [5, 10] }), "5, 10");
  assert.equal(show({ looks: [5, 10], boundary: "constant" }), "5, 10");
  const cautious = { looks: [5, 10], boundary: "obrien-fleming" };
  assert.deepEqual(read(show(cautious)), cautious);
  assert.equal(show(0), "0");
});

test("pairs are one or several, and of norms one may be none", () => {
  const { pairs, norms } = KINDS;
  for (const [text, given] of /** @type {[string, unknown][]} */ ([
    ["0.9, 0.999", [0.9, 0.999]],
    [
      "0.9, 0.999; 0.8, 0.99",
      [
        [0.9, 0.999],
        [0.8, 0.99],
      ],
    ],
    ["", undefined],
  ])) {
    assert.deepEqual(pairs.read(text), given);
    assert.equal(pairs.show(given), text);
  }
  assert.deepEqual(norms.read("none, 1"), [null, 1]);
  assert.equal(norms.show([null, 1]), "none, 1");
  assert.equal(norms.show(1), "1");
  assert.equal(norms.show(null), "");
  assert.equal(norms.read(" "), undefined);
});

test("what a change leaves empty goes with it", () => {
  const spec = changed({ name: "a" }, "optimizer.warmup", [0.1]);
  assert.deepEqual(spec, { name: "a", optimizer: { warmup: [0.1] } });
  assert.deepEqual(changed(spec, "optimizer.warmup", undefined), { name: "a" });
  assert.deepEqual(changed({ optimizer: null }, "optimizer.warmup", undefined), {});
});

test("a change makes a copy, and undefined takes a field away", () => {
  const spec = { seeds: 2, search: { strategy: "grid", tau_f: 0.1 } };
  assert.deepEqual(changed(spec, "search.tau_f", [1]), {
    seeds: 2,
    search: { strategy: "grid", tau_f: [1] },
  });
  assert.deepEqual(changed(spec, "seeds", undefined), { search: spec.search });
  assert.deepEqual(changed({}, "search.tau_b", 1), { search: { tau_b: 1 } });
  assert.deepEqual(spec, { seeds: 2, search: { strategy: "grid", tau_f: 0.1 } });
  assert.equal(at(spec, "search.strategy"), "grid");
  assert.equal(at(spec, "options.size"), undefined);
});

const list = { anyOf: [{ oneOf: [{ type: "array" }, { $ref: "#/Range" }] }, { type: "number" }] };
const grid = { strategy: {}, tau_f: list, tau_b: list };
const between = { strategy: {}, tau_f: {}, tau_b: {}, trials: { minimum: 4, maximum: 200 } };

test("another strategy gets the same temperatures, as it takes them", () => {
  const search = { strategy: "grid", tau_f: { low: 0, high: 2, step: 0.5 }, tau_b: [0.1, 0.4, 1] };
  const free = switched(search, "pbt", between);
  assert.deepEqual(free, {
    strategy: "pbt",
    tau_f: { low: 0, high: 2 },
    tau_b: { low: 0.1, high: 1 },
    trials: 15, // 5 x 3 pairs
  });
  const back = switched(free, "grid", grid);
  assert.deepEqual(back, {
    strategy: "grid",
    tau_f: { low: 0, high: 2, step: 0.2 },
    tau_b: { low: 0.1, high: 1, step: 0.09 },
  });
  assert.deepEqual(switched(undefined, "grid", grid), {
    strategy: "grid",
    tau_f: undefined,
    tau_b: undefined,
  });
});

test("an object is JSON, a word stands for itself, and what is neither is left to the service", () => {
  const { read, show } = KINDS.json;
  assert.deepEqual(read('{"units": [8, 8]}'), { units: [8, 8] });
  assert.equal(read("best"), "best");
  assert.equal(read("{units"), "{units");
  assert.equal(read(" "), undefined);
  assert.equal(show({ epoch: 5 }), '{"epoch":5}');
  assert.equal(show("last"), "last");
  assert.equal(show(undefined), "");
});
