// Bars over time, stacked by series. Each bar has its figures as a title; a table says the same.

import { drawn } from "./dom.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [62, 12, 12, 30];
export const SERIES = 6;

// A round number at or above `value` that axes are labelled with.
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 2.5, 5, 10].find((step) => step * power >= value * 0.9999);
}

// `columns`: { at, label, parts: [{ series, value, title }] }, in time order. `says`: value to text.
export function bars(columns, { says, label }) {
  const narrow = window.innerWidth < 640;
  const [width, height] = narrow ? [360, 230] : [860, 260];
  const most = roundUp(Math.max(0, ...columns.map((one) => one.parts.reduce((sum, part) => sum + part.value, 0))));
  const y = (value) => TOP + (1 - value / most) * (height - TOP - BOTTOM);
  const step = (width - LEFT - RIGHT) / Math.max(1, columns.length);
  const every = Math.ceil((narrow ? 84 : 92) / step);
  const parts = [0, 0.5, 1].map((share) => drawn("g", {},
    drawn("line", { class: share ? "grid" : "axis", x1: LEFT, x2: width - RIGHT, y1: y(most * share), y2: y(most * share) }),
    drawn("text", { x: LEFT - 8, y: y(most * share) + 4, "text-anchor": "end" }, says(most * share))));
  columns.forEach((column, n) => {
    const x = LEFT + n * step;
    let below = 0;
    for (const { series, value, title } of column.parts) {
      if (value <= 0) continue;
      parts.push(drawn("rect", { class: `bar series-${series}`, x: x + step * 0.12, width: Math.max(1, step * 0.76),
        y: y(below + value), height: Math.max(0.5, y(below) - y(below + value)) }, drawn("title", {}, title)));
      below += value;
    }
    if (n % every === 0) {
      parts.push(drawn("text", { x: x + step / 2, y: height - 9,
        "text-anchor": n === 0 && step < 60 ? "start" : "middle" }, column.label));
    }
  });
  return drawn("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, parts);
}
