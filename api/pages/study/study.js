// @ts-check
/**
 * One study: its verdict, what it trains now, its figures, methods and trials, and what can be done with it.
 */

import { announce, h, put } from "../shared/dom.js";
import { sentence } from "../shared/format.js";
import { get } from "../shared/http.js";
import { progressText } from "../shared/progress.js";
import { actions } from "./actions.js";
import { claims } from "./claims.js";
import { filesPart } from "./files.js";
import { figures, marginals, stages } from "./figures.js";
import { control, otherGains, outcomes, schedule, testSet } from "./findings.js";
import { head, shownState } from "./head.js";
import { methods } from "./methods.js";
import { whatWasRun } from "./ran.js";
import { trialsTable } from "./trials.js";
import { verdictPanel } from "./verdict.js";
import { searchPart } from "./search.js";
import { remarks } from "./remarks.js";
import { Watch } from "./watch.js";

/** @import { Study } from "../shared/types.js" */

/** The parts of the page, from top to bottom. */
const PARTS = [
  verdictPanel,
  figures,
  stages,
  marginals,
  searchPart,
  methods,
  testSet,
  otherGains,
  outcomes,
  schedule,
  control,
  claims,
  trialsTable,
  filesPart,
  whatWasRun,
];

/**
 * Fills `main` and follows the study until `signal` aborts.
 * @param {HTMLElement} main
 * @param {string} id
 * @param {AbortSignal} signal
 */
export async function study(main, id, signal) {
  const loading = h("p", { class: "empty", role: "status" }, `Loading study ${id} …`);
  put(main, h("div", { class: "page" }, h("h1", { tabindex: "-1" }, "Study"), loading));
  /** @type {Study} */
  const first = await get(`studies/${id}`, signal);
  const parts = PARTS.map((make) => make());
  const title = h("h1", { tabindex: "-1" }, first.name);
  const about = head(signal);
  const speaker = announcer();
  const watch = new Watch(first, signal, {
    study(now) {
      about.update(now);
      beside.update(now);
      buttons.update(now);
      speaker(now);
    },
    known: (known) => parts.forEach((part) => part.update(known)),
  });
  const beside = remarks((now) => watch.changedTo(now));
  const buttons = actions(async () => {
    await watch.refresh();
    title.focus();
    watch.follow().catch(() => {}); // a study that was resumed moves again
  });
  put(
    main,
    h(
      "div",
      { class: "page study" },
      h("div", { class: "title-row" }, title, buttons.element),
      about.element,
      beside.element,
      buttons.said,
      parts.map((part) => part.element),
    ),
  );
  document.title = `${first.name} · Straight-through tuner`;
  watch.tell.study(first);
  title.focus({ preventScroll: true });
  await watch.refresh();
  await watch.follow();
}

/**
 * Says to those who listen when the state changes, and the progress four times in a study, not at every
 * report.
 */
function announcer() {
  /** @type {string | null} */
  let state = null;
  let quarter = -1;
  return (/** @type {Study} */ study) => {
    const shown = shownState(study);
    const reached = Math.floor(4 * (study.progress.fraction ?? 0));
    if (state && state !== shown) {
      announce(`Study ${study.name}: ${shown}. ${study.reason ? sentence(study.reason) : ""}`);
    } else if (study.state === "running" && quarter >= 0 && reached > quarter)
      announce(progressText(study.progress));
    [state, quarter] = [shown, reached];
  };
}
