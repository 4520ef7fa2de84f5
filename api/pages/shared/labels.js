// @ts-check
/**
 * What metrics, methods, estimators and states are called. The service says it (GET /tasks), so that the
 * page, the report and the command line use one name; a name that it does not know is shown with spaces for
 * underscores.
 */

/** @import { Labels, TasksAnswer } from "./types.js" */

// Until the service says its own.
/** @type {Labels} */
let labels = {
  methods: { off_diagonal: "off the diagonal", diagonal: "on the diagonal" },
  estimators: {
    decoupled: "decoupled ST",
    softmax: "softmax ST",
    gumbel: "Gumbel-softmax ST",
    identity: "identity ST",
    reinmax: "ReinMax",
    gumbel_rao: "Gumbel-Rao",
    gst: "GST-1.0",
    soft: "no discretisation",
  },
  metrics: {},
  states: {},
};

/**
 * Takes over the labels that the service serves.
 * @param {TasksAnswer} answer
 */
export function learn(answer) {
  if (answer.labels) labels = answer.labels;
}

/**
 * A method's name in results: one of decoupled ST's two, or a baseline's estimator.
 * @param {string} key
 */
export function methodName(key) {
  return labels.methods[key] ?? estimatorName(key);
}

/**
 * The same, in a table where it stands alone.
 * @param {string} key
 */
export function fullMethodName(key) {
  return key in labels.methods ? `${estimatorName("decoupled")}, ${methodName(key)}` : methodName(key);
}

/** @param {string} key */
export function estimatorName(key) {
  return labels.estimators[key] ?? plain(key);
}

/** @param {string} key */
export function metricName(key) {
  return labels.metrics[key] ?? plain(key);
}

/** @param {string} key */
export function stateName(key) {
  return labels.states[key] ?? plain(key);
}

/**
 * val_loss as "val loss".
 * @param {string} key
 */
export function plain(key) {
  return key.replaceAll("_", " ");
}
