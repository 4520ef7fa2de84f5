// @ts-check
/** What can be done with a study: cancel, resume, delete, start another like it. */

import { confirmed, h, put, whenChanged } from "../shared/dom.js";
import { sentence } from "../shared/format.js";
import { post, remove } from "../shared/http.js";
import { CANCELLABLE, MOVING, RESUMABLE } from "../shared/state.js";

/** @import { Study } from "../shared/types.js" */

/** @typedef {{title: string, text: string, yes: string, no: string}} Question */

/** @type {Record<"cancel" | "resume" | "remove", (name: string) => Question>} */
const QUESTIONS = {
  cancel: (name) => ({
    title: `Cancel study “${name}”?`,
    text: "Training stops. What has finished is kept, but a cancelled study cannot be resumed.",
    yes: "Cancel the study",
    no: "Let it run",
  }),
  resume: (name) => ({
    title: `Resume study “${name}”?`,
    text: "What has finished is not run again.",
    yes: "Resume it",
    no: "Not now",
  }),
  remove: (name) => ({
    title: `Delete study “${name}”?`,
    text: "Its trials, measurements and results are removed. This cannot be undone.",
    yes: "Delete it",
    no: "Keep it",
  }),
};

/**
 * The buttons. `update(study)` shows those that its state allows; `changed` is called after one has changed
 * it.
 * @param {() => Promise<void>} changed
 */
export function actions(changed) {
  const element = h("div", { class: "actions" });
  const said = h("p", { class: "action-said", role: "alert" });

  /**
   * Asks first, then does it; what is wrong is said beside the buttons.
   * @param {HTMLButtonElement} button
   * @param {Question} question
   * @param {() => Promise<void>} act
   */
  async function press(button, question, act) {
    put(said);
    button.disabled = true;
    let stays = true;
    try {
      if (await confirmed(question)) {
        await act();
        stays = false;
      }
    } catch (error) {
      put(said, sentence(error instanceof Error ? error.message : String(error)));
    } finally {
      button.disabled = false;
      if (stays) button.focus(); // the dialog could not give the focus back to a button that was disabled
    }
  }

  /**
   * @param {string} label
   * @param {string} kind
   * @param {Question} question
   * @param {() => Promise<void>} act
   */
  function button(label, kind, question, act) {
    return h(
      "button",
      { type: "button", class: kind, click: ({ currentTarget }) => press(currentTarget, question, act) },
      label,
    );
  }

  const draw = whenChanged(
    (
      /** @type {Study["state"]} */ state,
      /** @type {boolean} */ cancelling,
      /** @type {string} */ id,
      /** @type {string} */ name,
    ) => {
      const steer = (/** @type {string} */ how) => async () => {
        await post(`studies/${id}/${how}`);
        await changed();
      };
      const leave = async () => {
        await remove(`studies/${id}`);
        location.hash = "#/";
      };
      put(
        element,
        CANCELLABLE.has(state) &&
          !cancelling &&
          button("Cancel", "danger", QUESTIONS.cancel(name), steer("cancel")),
        RESUMABLE.has(state) && button("Resume", "primary", QUESTIONS.resume(name), steer("resume")),
        h("a", { class: "button", href: `#/new?from=${id}` }, "Start another like it"),
        !MOVING.has(state) && button("Delete", "quiet", QUESTIONS.remove(name), leave),
      );
    },
  );
  return {
    element,
    said,
    /** @param {Study} study */
    update: ({ state, cancelling, id, name }) => draw(state, cancelling, id, name),
  };
}
