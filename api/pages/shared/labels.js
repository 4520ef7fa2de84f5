// @ts-check
/**
 * What methods, states and metrics are called. The service says it, of metrics with each study, whose task may be one
 * that no package brings; so the page, the report and the command line use one name. A key that it does not know is
 * shown with spaces for underscores.
 */

/** @import { Labels, Study, TasksAnswer } from "./types.js" */

/** @type {Labels} */
let labels = { methods: {}, states: {} };

/**
 * Takes over the labels that the service serves.
 * @param {TasksAnswer} answer
 */
export function learn(answer) {
  labels = answer.labels;
}

/**
 * A method in results and curves: one of decoupled ST's, or a baseline's estimator.
 * @param {string} key
 */
export function methodName(key) {
  return labels.methods[key] ?? plain(key);
}

/** Methods of decoupled ST: their names say where in the plane of temperatures they lie. */
const DECOUPLED = new Set(["off_diagonal", "argmax", "diagonal"]);

/**
 * A method's name where it stands alone: "decoupled ST, off the diagonal".
 * @param {string} key
 */
export function fullMethodName(key) {
  return DECOUPLED.has(key) ? `${methodName("decoupled")}, ${methodName(key)}` : methodName(key);
}

/**
 * The state of a study or a trial.
 * @param {string} key
 */
export function stateName(key) {
  return labels.states[key] ?? plain(key);
}

/**
 * A metric of a study with its unit, at an axis or at the head of a table.
 * @param {Pick<Study, "metrics">} study
 * @param {string} key
 */
export function metricTitle({ metrics }, key) {
  return metrics.find(({ name }) => name === key)?.title ?? plain(key);
}

/**
 * val_loss as "val loss".
 * @param {string} key
 */
export function plain(key) {
  return key.replaceAll("_", " ");
}

/**
 * What a task learns from; nothing where the study does not say.
 * @param {string | null} dataset
 */
export function datasetTitle(dataset) {
  return dataset === "own" ? "its own data" : (dataset ?? "");
}
