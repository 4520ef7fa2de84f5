// @ts-check
/**
 * Elements made from data. Text becomes text nodes and nothing is ever parsed as HTML, so a study's name
 * cannot be markup.
 */

const SVG = "http://www.w3.org/2000/svg";

/** @import { Attribute, Child } from "./types.js" */

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, Attribute>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, Attribute>} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * @template {HTMLElement | SVGElement} Made
 * @param {Made} element
 * @param {Record<string, Attribute> | undefined} attributes
 * @param {Child[]} children
 * @returns {Made}
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (typeof value === "object") setStyle(element, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...present(children));
  return element;
}

/**
 * Sets style properties one by one: the page's Content-Security-Policy forbids style attributes.
 * @param {HTMLElement | SVGElement} element
 * @param {Record<string, string>} properties
 */
export function setStyle(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
}

/**
 * Replaces what is in an element. Where the focus was on a child with an id, it goes to the new child of
 * that id.
 * @template {Element} Holder
 * @param {Holder} element
 * @param {...Child} children
 * @returns {Holder}
 */
export function put(element, ...children) {
  const active = document.activeElement;
  const focused = active && active.id && active !== element && element.contains(active) ? active.id : null;
  element.replaceChildren(...present(children));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  return element;
}

/**
 * @param {readonly Child[]} children
 * @returns {(Node | string)[]}
 */
function present(children) {
  return children.flatMap((child) => {
    if (child === null || child === undefined || child === false) return [];
    if (child instanceof Node) return [child];
    return typeof child === "object" ? present(child) : [String(child)];
  });
}

/**
 * An element of index.html.
 * @param {string} id
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element with the id ${id}`);
  return element;
}

/**
 * An element of index.html, of a given class.
 * @template {HTMLElement} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function byIdOf(id, kind) {
  const element = byId(id);
  if (!(element instanceof kind)) throw new Error(`the element ${id} of index.html is no ${kind.name}`);
  return element;
}

/**
 * A temperature as a symbol: tau("f") is τ with a small f.
 * @param {"f" | "b"} index
 */
export function tau(index) {
  return h("span", { class: "tau" }, "τ", h("sub", {}, index));
}

/**
 * Says a sentence to those who listen to the page.
 * @param {string} sentence
 */
export function announce(sentence) {
  const announcer = byId("announcer");
  if (announcer.textContent !== sentence) announcer.textContent = sentence;
}

/**
 * Asks before something that cannot be undone. Resolves to whether the answer was yes.
 * @param {{title: string, text: string, yes: string, no: string}} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes, no }) {
  const dialog = byIdOf("confirm-dialog", HTMLDialogElement);
  const fields = {
    "confirm-title": title,
    "confirm-text": text,
    "confirm-yes": yes,
    "confirm-no": no,
  };
  for (const [id, content] of Object.entries(fields)) byId(id).textContent = content;
  dialog.returnValue = "no"; // Escape closes a dialog without a value
  dialog.showModal();
  byId("confirm-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/**
 * Calls `draw(width)` now and whenever the element's width changes, until it leaves the page.
 * @param {Element} element
 * @param {(width: number) => void} draw
 */
export function onWidth(element, draw) {
  let width = 0;
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.floor(entry?.contentRect.width ?? 0);
    if (now > 0 && now !== width) draw((width = now));
  });
  observer.observe(element);
}

/**
 * A function that does nothing while its arguments are the same objects as at its last call. The API's
 * answers are the same objects until their ETag changes (see http.js), so nothing needs to be compared
 * field by field.
 * @template {unknown[]} Args
 * @param {(...now: Args) => void} draw
 * @returns {(...now: Args) => void}
 */
export function whenChanged(draw) {
  /** @type {Args | null} */
  let last = null;
  return (...now) => {
    if (last && now.every((value, i) => Object.is(value, last?.[i]))) return;
    last = now;
    draw(...now);
  };
}
