/** The small box that says what a point of a figure is, on hover and on focus. */

import { h, put, setStyle } from "./dom.js";

/**
 * Shows `lines(element)` over the marks of a figure: elements that match `selector`. Readers of the page hear the marks' own
 * labels, so the box is hidden from them.
 */
export function withTip(figure, selector, lines) {
  const box = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
  figure.append(box);
  let shown = null;

  function show(mark) {
    shown = mark;
    box.hidden = mark === null;
    if (mark === null) return;
    const [title, ...rest] = lines(mark);
    put(box, h("strong", {}, title), rest.map((line) => h("span", {}, line)));
    const [frame, at] = [figure.getBoundingClientRect(), mark.getBoundingClientRect()];
    const left = at.left + at.width / 2 - frame.left - box.offsetWidth / 2;
    const above = at.top - frame.top - box.offsetHeight - 8;
    setStyle(box, {
      left: `${Math.max(0, Math.min(left, frame.width - box.offsetWidth))}px`,
      top: `${above >= 0 ? above : at.bottom - frame.top + 8}px`,
    });
  }

  const under = (event) => event.target.closest(selector);
  figure.addEventListener("pointerover", (event) => under(event) && show(under(event)));
  figure.addEventListener("pointerleave", () => show(figure.contains(document.activeElement) ? markWithFocus() : null));
  figure.addEventListener("focusin", (event) => show(under(event)));
  figure.addEventListener("focusout", () => show(null));
  figure.addEventListener("keydown", (event) => event.key === "Escape" && show(null));
  const markWithFocus = () => document.activeElement.closest(selector);

  /** Writes the box again where it is open: the figure's values have changed. */
  return () => shown && show(shown.isConnected ? shown : null);
}

/**
 * One stop of the Tab key for all marks of a figure; arrow keys, Home and End move between them.
 *
 * `step(mark, dx, dy)` names the mark in that direction, or nothing at the edge.
 */
export function roving(figure, selector, step) {
  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const far = { Home: [-Infinity, 0], End: [Infinity, 0], PageUp: [0, -Infinity], PageDown: [0, Infinity] };

  function take(mark) {
    for (const other of figure.querySelectorAll(`${selector}[tabindex="0"]`)) other.setAttribute("tabindex", "-1");
    mark.setAttribute("tabindex", "0");
  }

  figure.addEventListener("keydown", (event) => {
    const mark = event.target.closest(selector);
    const direction = DIRECTIONS[event.key] ?? far[event.key];
    if (!mark || !direction) return;
    event.preventDefault();
    const next = step(mark, ...direction);
    if (!next) return;
    take(next);
    next.focus();
  });
  figure.addEventListener("focusin", (event) => event.target.closest(selector) && take(event.target.closest(selector)));
  return take;
}
