// @ts-check
/** What was run: versions and device, how long it trained, the spec. */

import { h, put, whenChanged } from "../shared/dom.js";
import { duration } from "../shared/format.js";
import { plain } from "../shared/labels.js";
import { section } from "./part.js";

/** @import { Study } from "../shared/types.js" */
/** @import { Part } from "./part.js" */

/** @returns {Part} */
export function whatWasRun() {
  const trained = h("p", {});
  const facts = h("dl", { class: "facts-list" });
  const text = h("pre", { tabindex: "0" });
  const spec = h("details", {}, h("summary", {}, "Spec"), text);
  const draw = whenChanged((/** @type {Study} */ study) => {
    trained.hidden = study.training_s <= 0;
    put(trained, `Populations trained for ${duration(study.training_s)} in all.`);
    const entries = Object.entries(study.host);
    facts.hidden = entries.length === 0;
    put(
      facts,
      entries.map(([name, value]) => [h("dt", {}, plain(name)), h("dd", {}, String(value))]),
    );
    if (!text.hasChildNodes()) put(text, JSON.stringify(study.spec, null, 2)); // it never changes
  });
  return {
    element: section("What was run", trained, facts, spec),
    update: ({ study }) => draw(study),
  };
}
