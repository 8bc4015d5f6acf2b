// A small plot: a line that may have gaps, points on it, a tangent; axes with a few round numbers.
"use strict";

const WIDTH = 320, HEIGHT = 190, LEFT = 48, RIGHT = 12, TOP = 20, BOTTOM = 26;
const TANGENT = 45;  // half its length at most

/** A figure. `line`: pairs, of which the second is null in a gap; `at`: the point now, `slope` there; `steps`: earlier points. */
function plot(title, [xName, yName], { line, at, slope = null, steps = [] }) {
  const ys = [...line, at].map(([, y]) => y).filter(y => y !== null);
  const x = axis(line.map(([x]) => x), LEFT, WIDTH - RIGHT), y = axis(ys, HEIGHT - BOTTOM, TOP);
  const parts = [];
  for (const value of x.ticks) {
    parts.push(shape("line", { x1: x(value), x2: x(value), y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" }));
    parts.push(shape("text", { x: x(value), y: HEIGHT - 10, "text-anchor": "middle" }, mark(value)));
  }
  for (const value of y.ticks) {
    parts.push(shape("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), class: "grid" }));
    parts.push(shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, mark(value)));
  }
  const gaps = line.map(([, y], i) => y === null || i === 0 || line[i - 1][1] === null);
  const path = line.map(([a, b], i) => b === null ? "" : `${gaps[i] ? "M" : "L"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
  parts.push(shape("path", { d: path, class: "line" }));
  if (at[1] !== null && slope !== null) {
    const [dx, dy] = [x(1) - x(0), slope * (y(1) - y(0))], run = TANGENT / Math.hypot(dx, dy);
    const [a, b] = [x(at[0]), y(at[1])];
    parts.push(shape("line", { x1: a - run * dx, y1: b - run * dy, x2: a + run * dx, y2: b + run * dy, class: "tangent" }));
  }
  for (const [a, b] of steps) if (b !== null) parts.push(shape("circle", { cx: x(a), cy: y(b), r: 2.5, class: "step" }));
  if (at[1] !== null) parts.push(shape("circle", { cx: x(at[0]), cy: y(at[1]), r: 5, class: "at" }));
  parts.push(shape("text", { x: WIDTH - RIGHT, y: HEIGHT - BOTTOM - 5, "text-anchor": "end", class: "name" }, xName));
  parts.push(shape("text", { x: LEFT, y: 12, "text-anchor": "middle", class: "name" }, yName));
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  svg.append(...parts);
  const figure = document.createElement("figure"), caption = document.createElement("figcaption");
  caption.textContent = title;
  figure.append(svg, caption);
  return figure;
}

/** From numbers to pixels, with the round numbers to be marked. */
function axis(numbers, start, end) {
  let low = Math.min(...numbers), high = Math.max(...numbers);
  if (!(low < high)) [low, high] = [low - 1, high + 1];
  const pixel = x => start + (x - low) / (high - low) * (end - start);
  const gap = roundUp((high - low) / 4);
  pixel.ticks = [];
  for (let i = Math.ceil(low / gap); i * gap <= high; i++) pixel.ticks.push(i * gap);
  return pixel;
}

/** The next of 1, 2, 5, 10, 20, 50 …, at any scale. */
function roundUp(x) {
  const decade = 10 ** Math.floor(Math.log10(x));
  return [1, 2, 5, 10].map(m => m * decade).find(candidate => candidate >= x) ?? x;
}

const short = x => String(Number(x.toPrecision(5)));
const mark = x => short(x).replaceAll("-", "−");

function shape(tag, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}
