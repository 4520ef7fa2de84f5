// @ts-check
/** What a spec would train, in a few lines. */

import { h } from "../shared/dom.js";
import { count } from "../shared/format.js";

/** @import { Plan } from "../shared/types.js" */

/** @param {Plan} plan */
export function planOf({ members, search_trials: searched, confirm_trials: confirmed, spec }) {
  const { seeds, confirm_seeds: fresh, epochs, steps, batch_size: batch } = spec;
  const length = epochs ? count(epochs, "epoch") : count(steps ?? 0, "step");
  const then = fresh
    ? `then up to ${count(confirmed, "trial")} on ${count(fresh, "fresh seed")}`
    : "no confirmation on fresh seeds, so no verdict";
  const models = h("strong", {}, members.toLocaleString("en"));
  return [
    h("p", { class: "figure" }, models, ` ${members === 1 ? "model" : "models"} to train`),
    h(
      "ul",
      {},
      h("li", {}, `${count(searched, "trial")} on ${count(seeds, "seed")}`),
      h("li", {}, then),
      h("li", {}, `${length} each, batches of ${batch}`),
    ),
  ];
}
