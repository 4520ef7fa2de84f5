// @ts-check
/** What a confirmed trial has left: pictures are shown, all can be saved. */

import { h, put, whenChanged } from "../shared/dom.js";
import { sentence } from "../shared/format.js";
import { blob } from "../shared/http.js";
import { saveFile } from "../study/files.js";
import { section } from "../study/part.js";

/** @import { StudyFile, TrialDetail } from "../shared/types.js" */

/** @param {string} study its id */
export function trialFiles(study) {
  const holder = h("div", {});
  const element = section("Files", holder);
  const draw = whenChanged((/** @type {string} */ _names, /** @type {StudyFile[]} */ files) => {
    element.hidden = files.length === 0;
    const saves = files.map((file) => saveFile(study, file, shortName(file)));
    const pictures = files.filter((file) => file.media_type.startsWith("image/"));
    put(
      holder,
      h("p", { class: "links" }, saves),
      pictures.map((file) => picture(study, file)),
    );
  });
  return {
    element,
    /** @param {TrialDetail} trial */
    update: ({ files }) => draw(files.map((file) => `${file.name} ${file.bytes}`).join(), files),
  };
}

/** @param {StudyFile} file */
function shortName({ name }) {
  return name.split("/").at(-1) ?? name;
}

/**
 * A picture, fetched by script: an address in an img element would send no key.
 * @param {string} study
 * @param {StudyFile} file
 */
function picture(study, file) {
  const name = shortName(file);
  const image = h("img", { alt: name.replace(/\.[a-z]+$/, "").replaceAll("_", " ") });
  const figure = h("figure", { class: "kept-picture" }, image, h("figcaption", { class: "hint" }, name));
  blob(`studies/${study}/files/${file.name}`).then(
    (content) => {
      image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
      image.src = URL.createObjectURL(content);
    },
    (error) => put(figure, h("p", { class: "hint" }, sentence(error.message))),
  );
  return figure;
}
