/**
 * Elements made from data. Text becomes text nodes and nothing is ever parsed as HTML, so a study's name cannot be markup.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element. Attributes whose value is a function are event listeners, `css` holds style properties (the page's
 * Content-Security-Policy forbids style attributes), null and false leave an attribute or a child out.
 */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "css") setStyle(element, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...present(children));
  return element;
}

export function setStyle(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
}

/** Replaces what is in an element. */
export function put(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** A symbol with its index: tau("f") is τ with a small f. */
export function tau(index) {
  return h("span", { class: "tau" }, "τ", h("sub", {}, index));
}

/** Says a sentence to those who listen to the page. */
export function announce(sentence) {
  const announcer = document.getElementById("announcer");
  if (announcer.textContent !== sentence) announcer.textContent = sentence;
}

/** Asks before something that cannot be undone. Resolves to whether the answer was yes. */
export function confirmed({ title, text, yes, no }) {
  const dialog = document.getElementById("confirm-dialog");
  const fields = { "confirm-title": title, "confirm-text": text, "confirm-yes": yes, "confirm-no": no };
  for (const [id, content] of Object.entries(fields)) document.getElementById(id).textContent = content;
  dialog.returnValue = "no"; // Escape closes a dialog without a value
  dialog.showModal();
  document.getElementById("confirm-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Calls `draw(width)` now and whenever the element's width changes, until it leaves the page. */
export function onWidth(element, draw) {
  let width = 0;
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now > 0 && now !== width) draw((width = now));
  });
  observer.observe(element);
}
