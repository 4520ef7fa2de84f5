// @ts-check
/** All metrics of a trial, as of its last report. */

import { h } from "../shared/dom.js";
import { capital, decimalsFor, score } from "../shared/format.js";
import { metricTitle } from "../shared/labels.js";
import { SortedTable } from "../shared/sorted_table.js";

/** @import { Score, Study, TrialDetail } from "../shared/types.js" */

/** @typedef {{key: string, value: Score}} Row */

/**
 * Decimals that show four digits of the mean, and two of a standard error that is much smaller.
 * @param {number | null} mean
 * @param {number | null} sem
 */
export function decimalsOf(mean, sem) {
  return Math.max(decimalsFor([mean]), sem ? decimalsFor([sem], 2) : 0);
}

/**
 * The table. A press of a metric's name calls `choose`, where it has a curve.
 * @param {Study} study
 * @param {(metric: string) => void} choose
 */
export function metricsTable(study, choose) {
  /** @type {Record<string, unknown>} */
  let curves = {};
  const name = (/** @type {Row} */ { key }) => {
    const text = capital(metricTitle(study, key));
    const button = h("button", { type: "button", class: "link", click: () => choose(key) }, text);
    return key in curves ? button : text;
  };
  /** @type {SortedTable<Row>} */
  const table = new SortedTable({
    label: "metrics",
    kind: "metrics",
    columns: [
      { key: "metric", title: "Metric", value: ({ key }) => metricTitle(study, key), cell: name },
      {
        key: "mean",
        title: "Mean ± standard error over seeds",
        label: "Mean ± SE",
        numeric: true,
        cell: ({ value: { mean, sem } }) => score(mean, sem, decimalsOf(mean, sem)),
      },
    ],
    order: { key: "", descending: false },
    rows: 50,
    id: ({ key }) => key,
    version: ({ value }) => value,
    one: "metric",
    many: "metrics",
  });
  return {
    element: table.element,
    /** @param {TrialDetail} trial */
    update(trial) {
      curves = trial.curves.metrics;
      table.show(Object.entries(trial.metrics).map(([key, value]) => ({ key, value })));
    },
  };
}
