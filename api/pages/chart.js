/** Lines with bands: learning curves, and the stages of a sequential search. */

import { h, onWidth, put, s } from "./dom.js";
import { decimalsFor, number, score } from "./format.js";
import { DECADES, linear, ticks } from "./scale.js";

const MARGIN = { left: 52, right: 14, top: 26, bottom: 36 };
const LOGARITHMIC_FROM = 5; // the largest value over the smallest

/**
 * Makes a chart. `update(data)` draws {series: [{label, x, mean, sem, level}], xLabel, xName, yLabel, points, start}: `x`, `mean`
 * and `sem` are lists of one length, `level` is a line at one height, `points` marks every value.
 *
 * The chart is a slider over x, for pointer and keyboard: at each place the list below it says what the lines are worth; it is
 * at `start`, or else at the last place, while nobody moves it.
 */
export function chart(label) {
  const canvas = h("div", { class: "chart-canvas" });
  const keys = h("ul", { class: "chart-keys" });
  const where = h("p", { class: "chart-where" });
  const element = h("figure", { class: "chart" }, canvas, h("figcaption", {}, where, keys));
  let [data, width, at] = [null, 0, null]; // at: place among the x values, null while nobody moves it
  let view = null;

  function draw() {
    if (!data || !width) return;
    const hadFocus = canvas.contains(document.activeElement);
    view = drawing(data, width, label);
    put(canvas, view.svg);
    view.svg.addEventListener("pointermove", (event) => move(nearest(event)));
    view.svg.addEventListener("pointerleave", () => move(null));
    view.svg.addEventListener("blur", () => move(null));
    view.svg.addEventListener("keydown", onKey);
    if (hadFocus) view.svg.focus();
    move(at);
  }

  const nearest = (event) => {
    const left = view.svg.getBoundingClientRect().left;
    const distances = view.xs.map((value) => Math.abs(view.x(value) - (event.clientX - left)));
    return distances.indexOf(Math.min(...distances));
  };

  function onKey(event) {
    const last = view.xs.length - 1;
    const now = at ?? view.start;
    const target = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, Home: 0, End: last }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    move(Math.max(0, Math.min(last, target)));
  }

  function move(place) {
    at = place;
    const shown = view.xs[place ?? view.start];
    const values = data.series.map((line) => valueAt(line, shown, view.decimals));
    view.cursor.classList.toggle("shown", place !== null);
    view.cursor.setAttribute("transform", `translate(${view.x(shown)} 0)`);
    view.svg.setAttribute("aria-valuenow", shown);
    view.svg.setAttribute("aria-valuetext",
      `${data.xName} ${number(shown, 6)}: ${data.series.map((line, i) => `${line.label} ${values[i]}`).join("; ")}`);
    put(where, `${data.yLabel} at ${data.xName} ${number(shown, 6)}`);
    put(keys, data.series.map((line, i) =>
      h("li", {}, sample(i, data.points && !line.level), h("span", { class: "name" }, line.label), h("span", { class: "num" }, values[i]))));
  }

  onWidth(canvas, (now) => {
    width = now;
    draw();
  });
  return {
    element,
    update(now) {
      if (JSON.stringify(now) === JSON.stringify(data)) return;
      data = now;
      at = null;
      draw();
    },
  };
}

function valueAt(line, x, decimals) {
  const i = line.x.indexOf(x);
  return i < 0 ? "–" : score(line.mean[i], line.sem[i], decimals);
}

function sample(i, points) {
  return s("svg", { class: `sample series-${i % 6}`, width: 26, height: 10, "aria-hidden": "true" },
    s("line", { class: "line", x1: 0, x2: 26, y1: 5, y2: 5 }), points && s("circle", { class: "point", cx: 13, cy: 5, r: 3.5 }));
}

function drawing(data, width, label) {
  const height = Math.round(Math.max(190, Math.min(width * 0.62, 340)));
  const xs = [...new Set(data.series.flatMap((line) => line.x))].sort((a, b) => a - b);
  const known = data.series.flatMap((line) => line.mean.flatMap((mean, i) =>
    mean === null ? [] : [mean - (line.sem[i] ?? 0), mean + (line.sem[i] ?? 0)]));
  const scale = vertical(known, height / 50);
  const x = linear(Math.min(...xs), Math.max(...xs), MARGIN.left, width - MARGIN.right);
  const place = linear(...scale.ends, height - MARGIN.bottom, MARGIN.top);
  const y = (value) => place(scale.of(value));
  const cursor = s("line", { class: "cursor", y1: MARGIN.top, y2: height - MARGIN.bottom });
  const decimals = decimalsFor(known);
  const svg = s("svg", {
    viewBox: `0 0 ${width} ${height}`, width, height, role: "slider", tabindex: "0", "aria-label": `${label}; arrow keys read the values`,
    "aria-valuemin": xs[0], "aria-valuemax": xs.at(-1), "aria-valuenow": xs.at(-1), "aria-orientation": "horizontal",
  },
    s("g", { class: "axes" },
      scale.ticks.map((v) => [
        s("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(v), y2: y(v) }),
        s("text", { x: MARGIN.left - 8, y: y(v) + 4, "text-anchor": "end" }, number(v, 5))]),
      ticks(xs[0], xs.at(-1), width / 80).map((v) =>
        s("text", { x: x(v), y: height - MARGIN.bottom + 17, "text-anchor": "middle" }, number(v, 6))),
      s("text", { x: 0, y: 12 }, scale.logarithmic ? `${data.yLabel}, logarithmic` : data.yLabel),
      s("text", { x: width - MARGIN.right, y: height - 4, "text-anchor": "end" }, data.xLabel)),
    data.series.map((line, i) => drawLine(line, i, x, y, data.points && !line.level)),
    cursor);
  const start = data.start === undefined ? xs.length - 1 : xs.indexOf(data.start);
  return { svg, xs, x, cursor, decimals, start };
}

/** The vertical scale: logarithmic where the first epochs would press the rest of a curve flat. */
function vertical(values, wanted) {
  const [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  const logarithmic = low > 0 && high / low > LOGARITHMIC_FROM;
  const of = logarithmic ? Math.log10 : (value) => value;
  const room = (of(high) - of(low)) * 0.05 || Math.abs(high) * 0.05 || 0.05;
  const ends = [of(low) - room, of(high) + room];
  const inside = (value) => of(value) >= ends[0] && of(value) <= ends[1];
  return { logarithmic, of, ends, ticks: logarithmic ? DECADES.filter(inside) : ticks(...ends, wanted) };
}

function drawLine(line, i, x, y, points) {
  const known = line.x.map((value, k) => ({ x: x(value), mean: line.mean[k], sem: line.sem[k] ?? 0 })).filter((p) => p.mean !== null);
  const path = (list) => list.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L");
  const upper = known.map((p) => [p.x, y(p.mean + p.sem)]);
  const lower = known.map((p) => [p.x, y(p.mean - p.sem)]).reverse();
  return s("g", { class: `series-${i % 6}` },
    known.length > 1 && s("path", { class: "band", d: `M${path([...upper, ...lower])}Z` }),
    known.length > 0 && s("path", { class: "line", d: `M${path(known.map((p) => [p.x, y(p.mean)]))}` }),
    known.map((p) => (points || known.length === 1) && s("circle", { class: "point", cx: p.x, cy: y(p.mean), r: 3.5 })));
}
