// @ts-check
/** A picture of the service, fetched by script: an address in an img element would send no key. */

import { h, put } from "./dom.js";
import { sentence } from "./format.js";
import { blob } from "./http.js";

/** @import { Child } from "./types.js" */

/**
 * A figure that is filled when its picture has come; where it does not, it says why.
 * @param {string} path of the service
 * @param {string} alt
 * @param {...Child} caption
 */
export function picture(path, alt, ...caption) {
  const image = h("img", { alt });
  const figure = h(
    "figure",
    { class: "kept-picture" },
    image,
    h("figcaption", { class: "hint" }, ...caption),
  );
  blob(path).then(
    (content) => {
      image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
      image.src = URL.createObjectURL(content);
    },
    (error) => put(figure, h("p", { class: "hint" }, sentence(error.message))),
  );
  return figure;
}
