// @ts-check
/** The files of a study: report, tables, spec, a snippet, figures in three formats, what confirmed trials have left. */

import { h, put } from "../shared/dom.js";
import { sentence } from "../shared/format.js";
import { ConnectionLost, get } from "../shared/http.js";
import { plain } from "../shared/labels.js";
import { saveButton, trialLink } from "../shared/links.js";
import { section } from "./part.js";

/** @import { Child, Page, Study, StudyFile } from "../shared/types.js" */
/** @import { Part } from "./part.js" */

/** @returns {Part} */
export function filesPart() {
  const holder = h("div", {}, h("p", { class: "hint" }, "Looking for files …"));
  let state = ""; // of which the files are shown

  /** @param {Study} study */
  async function look({ id, state: now }) {
    // New files come with a new state: while a study runs its report can be had, but not much else.
    if (state === now) return;
    state = now;
    try {
      /** @type {Page<StudyFile>} */
      const { items } = await get(`studies/${id}/files`);
      put(holder, list(id, items));
    } catch (error) {
      state = ""; // the next look at the study tries again
      if (!(error instanceof ConnectionLost))
        put(
          holder,
          h("p", { class: "hint" }, sentence(error instanceof Error ? error.message : String(error))),
        );
    }
  }

  return { element: section("Files", holder), update: ({ study }) => void look(study) };
}

/**
 * @param {string} id
 * @param {StudyFile[]} files
 */
function list(id, files) {
  const of = (/** @type {StudyFile["kind"]} */ kind) => files.filter((file) => file.kind === kind);
  const save = (/** @type {StudyFile} */ file) => saveFile(id, file, file.name);
  return h("dl", { class: "facts-list files" }, [
    entry("Report", of("report").map(save)),
    entry("Tables", of("table").map(save)),
    entry("Spec", of("spec").map(save)),
    entry("For plain torch", of("code").map(save)),
    entry(
      "Figures",
      [...byFigure(of("figure"))].map(([name, formats]) => figureLine(id, name, formats)),
    ),
    entry(
      "Of confirmed trials",
      [...byTrial(of("trial"))].map(([trial, left]) => trialLine(id, trial, left)),
    ),
  ]);
}

/**
 * @param {string} name
 * @param {Child[]} content
 */
function entry(name, content) {
  return content.length > 0 && [h("dt", {}, name), h("dd", { class: "links" }, content)];
}

/**
 * @param {string} id
 * @param {StudyFile} file
 * @param {string} text
 */
export function saveFile(id, { name, bytes }, text) {
  const button = saveButton(`studies/${id}/files/${name}`, `${id}-${name.replaceAll("/", "-")}`, text);
  return bytes === null ? button : h("span", {}, button, " ", h("small", {}, size(bytes)));
}

/**
 * A file's size in the largest unit that fits.
 * @param {number} bytes
 */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

/**
 * figures/landscape.png, figures/landscape.svg, ... by landscape.
 * @param {StudyFile[]} files
 */
function byFigure(files) {
  return grouped(files, ({ name }) => name.replace(/^figures\//, "").replace(/\.[a-z]+$/, ""));
}

/** @param {StudyFile[]} files */
function byTrial(files) {
  return grouped(files, ({ trial }) => trial ?? -1);
}

/**
 * @template Key
 * @param {StudyFile[]} files
 * @param {(file: StudyFile) => Key} key
 * @returns {Map<Key, StudyFile[]>}
 */
function grouped(files, key) {
  /** @type {Map<Key, StudyFile[]>} */
  const groups = new Map();
  for (const file of files) groups.set(key(file), [...(groups.get(key(file)) ?? []), file]);
  return groups;
}

/**
 * What a figure is called: some redraw one of the paper's, whose number is their name.
 * @param {string} name
 */
function figureName(name) {
  return plain(name).replace(/^figure(?=\d)/, "the paper's figure ");
}

/**
 * @param {string} id
 * @param {string} name
 * @param {StudyFile[]} formats
 */
function figureLine(id, name, formats) {
  const saves = formats.map((file) => saveFile(id, file, file.name.split(".").at(-1)?.toUpperCase() ?? ""));
  return h("span", { class: "file-group" }, figureName(name), saves);
}

/**
 * @param {string} id
 * @param {number} trial
 * @param {StudyFile[]} left
 */
function trialLine(id, trial, left) {
  const saves = left.map((file) => saveFile(id, file, file.name.split("/").at(-1) ?? file.name));
  return h("span", { class: "file-group" }, trialLink(id, trial, `Trial ${trial}`, "files"), saves);
}
