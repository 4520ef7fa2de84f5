// @ts-check
/** The table of a study's trials. */

import { h, tau, whenChanged } from "../shared/dom.js";
import { capital, count, decimalsFor, fixed, number, settingsText } from "../shared/format.js";
import { methodName } from "../shared/labels.js";
import { SortedTable } from "../shared/sorted_table.js";
import { badge } from "../shared/state.js";
import { trialLink } from "../shared/links.js";
import { cutNote } from "./figures.js";
import { section } from "./part.js";

/** @import { BriefTrial, BriefTrials, Child, Objective } from "../shared/types.js" */
/** @import { Column } from "../shared/sorted_table.js" */
/** @import { Part } from "./part.js" */

/**
 * @param {string} study its id
 * @param {Objective} objective
 * @param {() => number} decimals of the objective
 * @returns {Column<BriefTrial>[]}
 */
function columnsOf(study, objective, decimals) {
  /** @type {(key: "tau_f" | "tau_b" | "lr", title: Child, label: string) => Column<BriefTrial>} */
  const setting = (key, title, label) => ({
    key,
    title,
    label,
    numeric: true,
    value: (t) => t[key],
    cell: (t) => number(t[key], 6),
  });
  return [
    {
      key: "number",
      title: "Trial",
      value: (t) => t.number,
      cell: (t) => trialLink(study, t.number, [h("span", { class: "on-phone" }, "Trial "), t.number]),
    },
    { key: "role", title: "Role", value: (t) => t.role, cell: (t) => t.role },
    {
      key: "estimator",
      title: "Estimator",
      value: (t) => t.estimator,
      cell: (t) => [methodName(t.estimator), variantOf(t)],
    },
    setting("tau_f", tau("f"), "τf"),
    setting("tau_b", tau("b"), "τb"),
    setting("lr", "Learning rate", "Learning rate"),
    { key: "state", title: "State", value: (t) => t.state, cell: (t) => [badge(t.state), reasonOf(t)] },
    {
      key: "mean",
      title: capital(objective.label),
      numeric: true,
      value: (t) => t.mean,
      cell: (t) => fixed(t.mean, decimals()),
    },
    {
      key: "sem",
      title: "± SE",
      label: "standard error",
      numeric: true,
      value: (t) => t.sem,
      cell: (t) => fixed(t.sem, decimals()),
    },
  ];
}

/** @param {BriefTrial} trial */
function reasonOf({ reason }) {
  return reason && h("small", { class: "reason" }, reason);
}

/**
 * What else a trial is trained with, from its JSON: a schedule, a scaled logit layer, settings of the optimiser.
 * @param {BriefTrial} trial
 */
function variantOf({ variant }) {
  if (!variant) return null;
  const { schedule, logit_scale: scale, optimizer } = JSON.parse(variant);
  const parts = [
    schedule && `schedule of ${count(schedule.length, "part")}`,
    scale && `logit layer × ${number(scale, 4)}`,
    ...settingsText(optimizer ?? {}),
  ];
  return h("small", { class: "beneath" }, parts.filter(Boolean).join(", "));
}

/** @returns {Part} */
export function trialsTable() {
  const cut = cutNote();
  const holder = h("div", {});
  /** @type {SortedTable<BriefTrial> | null} */
  let table = null;
  let decimals = 0;
  const draw = whenChanged((/** @type {BriefTrials} */ trials) => {
    decimals = decimalsFor(trials.items.map((t) => t.mean));
    table?.show(trials.items);
    cut.update(trials);
  });
  return {
    element: section("Trials", holder, cut.element),
    update({ study, trials }) {
      if (!table) {
        table = new SortedTable({
          label: "trials",
          kind: "trials",
          columns: columnsOf(study.id, study.objective, () => decimals),
          order: { key: "number", descending: false },
          rows: 25,
          id: (t) => String(t.number),
          version: (t) => t,
          one: "trial",
          many: "trials",
        });
        holder.append(table.element);
      }
      draw(trials);
    },
  };
}
