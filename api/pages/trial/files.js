// @ts-check
/** What a confirmed trial has left: pictures are shown, all can be saved. */

import { h, put, whenChanged } from "../shared/dom.js";
import { picture } from "../shared/picture.js";
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
      pictures.map((file) => {
        const name = shortName(file);
        const alt = name.replace(/\.[a-z]+$/, "").replaceAll("_", " ");
        return picture(`studies/${study}/files/${file.name}`, alt, name);
      }),
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
