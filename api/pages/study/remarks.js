// @ts-check
/** Tags and a comment: what users write beside a study. Both are found by the search in the list. */

import { h, put, whenChanged } from "../shared/dom.js";
import { sentence } from "../shared/format.js";
import { patch } from "../shared/http.js";

/** @import { Study } from "../shared/types.js" */

/**
 * Tags as small labels.
 * @param {string[]} tags
 */
export function tagLabels(tags) {
  return tags.map((tag) => h("span", { class: "tag" }, tag));
}

/**
 * Words between commas, each once.
 * @param {string} text
 */
export function tagsOf(text) {
  const words = text.split(",").map((word) => word.trim());
  return [...new Set(words.filter(Boolean))];
}

/**
 * Shows tags and comment, and lets them be changed. `changed` is called with the study as it is then.
 * @param {(study: Study) => void} changed
 */
export function remarks(changed) {
  const shown = h("div", { class: "remarks" });
  const form = editor(
    (study) => {
      changed(study);
      close();
    },
    () => close(),
  );
  const open = h("button", { type: "button", class: "link", click: () => edit() }, "Edit tags and comment");
  /** @type {Study | null} */
  let known = null;

  function edit() {
    if (!known) return;
    form.start(known);
    shown.hidden = true;
    form.element.hidden = false;
    form.focus();
  }

  function close() {
    shown.hidden = false;
    form.element.hidden = true;
    open.focus();
  }

  const draw = whenChanged((/** @type {string} */ tags, /** @type {string} */ comment) => {
    const words = tagsOf(tags);
    put(
      shown,
      words.length > 0 && h("p", {}, tagLabels(words)),
      comment && h("p", { class: "comment" }, comment),
      h("p", {}, open),
    );
  });
  return {
    element: h("div", {}, shown, form.element),
    /** @param {Study} study */
    update(study) {
      known = study;
      draw(study.tags.join(), study.comment);
    },
  };
}

/**
 * The form for tags and comment.
 * @param {(study: Study) => void} saved
 * @param {() => void} left
 */
function editor(saved, left) {
  const tags = h("input", {
    type: "text",
    id: "edit-tags",
    autocomplete: "off",
    "aria-describedby": "edit-tags-hint",
  });
  const comment = h("textarea", { id: "edit-comment", rows: "3", maxlength: "2000" });
  const wrong = h("p", { class: "field-error", role: "alert" });
  let id = "";

  /** @param {Event} event */
  async function save(event) {
    event.preventDefault();
    put(wrong);
    try {
      saved(await patch(`studies/${id}`, { tags: tagsOf(tags.value), comment: comment.value.trim() }));
    } catch (error) {
      put(wrong, sentence(error instanceof Error ? error.message : String(error)));
    }
  }

  const field = (/** @type {string} */ to, /** @type {string} */ name, /** @type {Node[]} */ ...content) =>
    h("div", { class: "field" }, h("label", { for: to }, name), content);
  const element = h(
    "form",
    { class: "card remarks-form", hidden: true, novalidate: true, submit: save },
    field(
      "edit-tags",
      "Tags",
      tags,
      h("p", { class: "hint", id: "edit-tags-hint" }, "Words with commas between them."),
    ),
    field("edit-comment", "Comment", comment),
    wrong,
    h(
      "div",
      { class: "actions" },
      h("button", { type: "submit", class: "primary" }, "Save"),
      h("button", { type: "button", click: left }, "Leave as it was"),
    ),
  );
  return {
    element,
    focus: () => tags.focus(),
    /** @param {Study} study */
    start(study) {
      id = study.id;
      tags.value = study.tags.join(", ");
      comment.value = study.comment;
      put(wrong);
    },
  };
}
