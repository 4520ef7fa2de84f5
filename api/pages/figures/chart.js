// @ts-check
/** Lines with bands that can be read value by value: learning curves, and the lines of one temperature. */

import { h, onWidth, put, s } from "../shared/dom.js";
import { number, score } from "../shared/format.js";
import { drawing, kindOf } from "./chart_drawing.js";

/** @import { Numbers } from "../shared/types.js" */
/** @import { Drawing } from "./chart_drawing.js" */

/**
 * A line: `x`, `mean` and `sem` are lists of one length.
 * @typedef {object} Series
 * @property {string} label
 * @property {number[]} x
 * @property {Numbers} mean
 * @property {Numbers} sem
 * @property {boolean} [level] a line at one height, whose points are not marked
 * @property {boolean} [thin] one of many, drawn thin and grey: a seed
 * @property {string} [href] where its name leads
 */
/**
 * @typedef {object} ChartData
 * @property {Series[]} series
 * @property {string} xLabel at the axis
 * @property {string} xName in a sentence
 * @property {string} yLabel
 * @property {boolean} points whether every value is marked
 * @property {number} [start] the x whose values are shown while nobody moves the cursor; else the last
 */

let made = 0; // charts, so that each has ids of its own

/**
 * Makes a chart; `update(data)` draws.
 *
 * The chart is a slider over x, for pointer and keyboard: at each place the list below it says what the
 * lines are worth.
 * @param {string} label
 */
export function chart(label) {
  const id = (made += 1);
  const canvas = h("div", { class: "chart-canvas" });
  const keys = h("ul", { class: "chart-keys" });
  const where = h("p", { class: "chart-where" });
  const element = h("figure", { class: "chart" }, canvas, h("figcaption", {}, where, keys));
  /** @type {ChartData | null} */
  let data = null;
  /** @type {Drawing | null} */
  let view = null;
  /** @type {number | null} */
  let at = null; // place among the x values, null while nobody moves it
  let width = 0;
  /** @type {HTMLElement[]} */
  let cells = []; // of the list, with what the lines are worth

  function draw() {
    if (!data || !width) return;
    const hadFocus = canvas.contains(document.activeElement);
    view = drawing(data, width, label);
    put(canvas, view.svg);
    list(data);
    view.svg.addEventListener("pointermove", (event) => move(nearest(event)));
    view.svg.addEventListener("pointerleave", () => move(null));
    view.svg.addEventListener("blur", () => move(null));
    view.svg.addEventListener("keydown", onKey);
    if (hadFocus) view.svg.focus();
    move(at);
  }

  /** @param {ChartData} now */
  function list({ series, points }) {
    cells = series.map(() => h("span", { class: "num" }));
    const key = (/** @type {Series} */ line, /** @type {number} */ i) =>
      h(
        "li",
        { class: line.thin && "thin" },
        sample(kindOf(line, i), points && !line.level),
        h(
          "span",
          { class: "name" },
          line.href ? h("a", { href: line.href, id: `line-${id}-${i}` }, line.label) : line.label,
        ),
        cells[i],
      );
    put(keys, series.map(key));
  }

  /** @param {PointerEvent} event */
  function nearest(event) {
    if (!view) return null;
    const { svg, xs, x } = view;
    const pointer = event.clientX - svg.getBoundingClientRect().left;
    const distances = xs.map((value) => Math.abs(x(value) - pointer));
    return distances.indexOf(Math.min(...distances));
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (!view) return;
    const last = view.xs.length - 1;
    const now = at ?? view.start;
    /** @type {Record<string, number>} */
    const targets = {
      ArrowLeft: now - 1,
      ArrowDown: now - 1,
      ArrowRight: now + 1,
      ArrowUp: now + 1,
      Home: 0,
      End: last,
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    move(Math.max(0, Math.min(last, target)));
  }

  /** @param {number | null} place */
  function move(place) {
    if (!data || !view) return;
    at = place;
    const { series, xName, yLabel } = data;
    const { xs, x, cursor, svg, decimals, start } = view;
    const shown = xs[place ?? start] ?? NaN;
    const values = series.map((line) => valueAt(line, shown, decimals));
    const said = series.map((line, i) => `${line.label} ${values[i]}`).join("; ");
    cursor.classList.toggle("shown", place !== null);
    cursor.setAttribute("transform", `translate(${x(shown)} 0)`);
    svg.setAttribute("aria-valuenow", String(shown));
    const there = `${xName} ${placeText(xName, shown)}`;
    svg.setAttribute("aria-valuetext", `${there}: ${said}`);
    put(where, `${yLabel} at ${there}`);
    // The text only: a name that the focus is about to move to must stay.
    cells.forEach((cell, i) => {
      cell.textContent = values[i] ?? "";
    });
  }

  onWidth(canvas, (now) => {
    width = now;
    draw();
  });
  return {
    element,
    /** @param {ChartData} now */
    update(now) {
      data = now;
      if (at !== null && at >= new Set(now.series.flatMap((line) => line.x)).size) at = null;
      draw();
    },
  };
}

/**
 * A place on the x axis: an epoch to two decimals, a temperature to six digits.
 * @param {string} xName
 * @param {number} x
 */
function placeText(xName, x) {
  return xName === "epoch" ? number(Number(x.toFixed(2)), 12) : number(x, 6);
}

/**
 * @param {Series} line
 * @param {number} x
 * @param {number} decimals
 */
function valueAt(line, x, decimals) {
  const i = line.x.indexOf(x);
  return i < 0 ? "–" : score(line.mean[i], line.sem[i], decimals);
}

/**
 * A piece of the line, for the list of what the lines are.
 * @param {string} kind
 * @param {boolean} points
 */
function sample(kind, points) {
  return s(
    "svg",
    {
      class: `sample ${kind}`,
      width: 26,
      height: 10,
      "aria-hidden": "true",
    },
    s("line", { class: "line", x1: 0, x2: 26, y1: 5, y2: 5 }),
    points && s("circle", { class: "point", cx: 13, cy: 5, r: 3.5 }),
  );
}
