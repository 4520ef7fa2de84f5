// @ts-check
/**
 * The small box that says what a point of a figure is, on hover and on focus; and the keys that move between
 * points.
 */

import { h, onWidth, put, setStyle } from "../shared/dom.js";

/** @typedef {HTMLElement | SVGElement} Mark */

/**
 * The mark that an event happened in, or null.
 * @param {EventTarget | null} target
 * @param {string} selector
 * @returns {Mark | null}
 */
function markOf(target, selector) {
  return target instanceof Element ? target.closest(selector) : null;
}

/**
 * Shows `lines(mark)` over the marks of a figure: elements that match `selector`. Readers of the page hear
 * the marks' own labels, so the box is hidden from them. Returns a function that writes the box again where
 * it is open, for when the figure's values have changed.
 * @param {HTMLElement} figure
 * @param {string} selector
 * @param {(mark: Mark) => string[]} lines
 */
export function withTip(figure, selector, lines) {
  const box = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
  figure.append(box);
  /** @type {Mark | null} */
  let shown = null;

  /** @param {Mark | null} mark */
  function show(mark) {
    shown = mark;
    box.hidden = mark === null;
    if (mark === null) return;
    const [title, ...rest] = lines(mark);
    put(
      box,
      h("strong", {}, title),
      rest.map((line) => h("span", {}, line)),
    );
    const [frame, at] = [figure.getBoundingClientRect(), mark.getBoundingClientRect()];
    const left = at.left + at.width / 2 - frame.left - box.offsetWidth / 2;
    const above = at.top - frame.top - box.offsetHeight - 8;
    setStyle(box, {
      left: `${Math.max(0, Math.min(left, frame.width - box.offsetWidth))}px`,
      top: `${above >= 0 ? above : at.bottom - frame.top + 8}px`,
    });
  }

  const focused = () =>
    figure.contains(document.activeElement) ? markOf(document.activeElement, selector) : null;
  figure.addEventListener("pointerover", (event) => {
    const mark = markOf(event.target, selector);
    if (mark) show(mark);
  });
  figure.addEventListener("pointerleave", () => show(focused()));
  figure.addEventListener("focusin", (event) => show(markOf(event.target, selector)));
  figure.addEventListener("focusout", () => show(null));
  figure.addEventListener("keydown", (event) => event.key === "Escape" && show(null));
  const again = () => {
    if (shown) show(shown.isConnected ? shown : null);
  };
  onWidth(figure, again); // a phone that is turned
  return again;
}

/** @type {Record<string, [number, number]>} */
const DIRECTIONS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  Home: [-Infinity, 0],
  End: [Infinity, 0],
  PageUp: [0, -Infinity],
  PageDown: [0, Infinity],
};

/**
 * One stop of the Tab key for all marks of a figure; arrow keys, Home and End move between them. Returns a
 * function that makes a mark the one at which the Tab key stops.
 * @param {HTMLElement} figure
 * @param {string} selector
 * @param {(mark: Mark, dx: number, dy: number) => Mark | null | undefined} step the mark in that direction
 * @param {(mark: Mark) => void} open called where a mark is clicked, or Enter is pressed on it
 */
export function roving(figure, selector, step, open) {
  /** @param {Mark} mark */
  function take(mark) {
    for (const other of figure.querySelectorAll(`${selector}[tabindex="0"]`)) {
      other.setAttribute("tabindex", "-1");
    }
    mark.setAttribute("tabindex", "0");
  }

  figure.addEventListener("keydown", (event) => {
    const mark = markOf(event.target, selector);
    const direction = DIRECTIONS[event.key];
    if (mark && event.key === "Enter") open(mark);
    if (!mark || !direction) return;
    event.preventDefault();
    const next = step(mark, ...direction);
    if (!next) return;
    take(next);
    next.focus();
  });
  figure.addEventListener("click", (event) => {
    const mark = markOf(event.target, selector);
    if (mark) open(mark);
  });
  figure.addEventListener("focusin", (event) => {
    const mark = markOf(event.target, selector);
    if (mark) take(mark);
  });
  return take;
}
