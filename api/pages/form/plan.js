// @ts-check
/** What a spec would train, in a few lines. */

import { h } from "../shared/dom.js";
import { count, duration, sentence } from "../shared/format.js";

/** @import { Plan } from "../shared/types.js" */

/** @param {Plan} plan */
export function planOf({
  members,
  search_trials,
  confirm_trials,
  control_trials,
  further_trials: further,
  spec,
  estimate,
  missing_data: missing,
}) {
  const { seeds, confirm_seeds: fresh, epochs, steps, batch_size: batch } = spec;
  const length = epochs ? count(epochs, "epoch") : count(steps ?? 0, "step");
  const looks = typeof fresh === "number" ? [fresh] : fresh.looks;
  const most = Math.max(0, ...looks);
  const added = looks.length > 1 ? ` (${looks.slice(0, -1).join(", ")} or ${looks.at(-1)})` : "";
  const then = most
    ? `then up to ${count(confirm_trials, "trial")} on ${count(most, "fresh seed")}${added}`
    : "no confirmation on fresh seeds, so no verdict";
  const models = h("strong", {}, members.toLocaleString("en"));
  return [
    h("p", { class: "figure" }, models, ` ${members === 1 ? "model" : "models"} to train`),
    h(
      "ul",
      {},
      h("li", {}, `${count(search_trials, "trial")} on ${count(seeds, "seed")}`),
      h("li", {}, then),
      control_trials > 0 && h("li", {}, `and ${count(control_trials, "trial")} of the rescaling control`),
      further > 0 &&
        h(
          "li",
          {},
          `up to ${count(further, "trial")} more that extend ranges, refine optima and confirm further`,
        ),
      h("li", {}, `${length} each, batches of ${batch}`),
      estimate &&
        h(
          "li",
          {},
          `about ${duration(estimate.seconds)} on one device, by ${count(estimate.studies, "study", "studies")} before`,
        ),
    ),
    missing && h("p", { class: "field-error" }, sentence(missing)),
  ];
}
