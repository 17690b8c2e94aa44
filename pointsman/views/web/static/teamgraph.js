// The team's graph with how often each way was taken today. The same placing as a run's graph.

import { drawn } from "./dom.js";
import { count } from "./format.js";
import { RunGraph } from "./rungraph.js";

// Where on its line a figure may stand, the best place first.
const ALONG = [0.42, 0.5, 0.34, 0.58, 0.26, 0.66, 0.74, 0.18, 0.82];
const TALL = 18;

const over = (a, b) => Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)) *
  Math.max(0, Math.min(a.y + TALL, b.y + TALL) - Math.max(a.y, b.y));

export class TeamGraph {
  constructor() {
    this.graph = new RunGraph(() => {});
    this.node = this.graph.node;
  }

  show(page) {
    const names = new Set(page.places.map((one) => one.id));
    const ways = page.ways.filter((one) => names.has(one.frm) && names.has(one.to));
    this.graph.show({ nodes: page.places, steps: [], messages: [],
      edges: ways.map((one) => ({ ...one, step: 0, label: `${one.frm} → ${one.to}: ${count(one.count)} today` })) });
    const most = Math.max(1, ...ways.map((one) => one.count));
    this.taken = [];
    for (const line of this.graph.lines) {
      const times = line.edges.reduce((sum, one) => sum + one.count, 0);
      line.node.classList.toggle("unused", times === 0);
      if (times) this.label(line, times, most);
    }
  }

  label({ frm, to, node: path }, times, most) {
    path.setAttribute("stroke-width", String(1.4 + 2.4 * (times / most)));
    const text = count(times);
    const width = 8 + 7.4 * text.length;
    const middle = this.free(path, width);
    this.node.append(drawn("g", { class: "way-tag", "data-way": `${frm} → ${to}` },
      drawn("rect", { class: "way-label", x: middle.x - width / 2, y: middle.y - TALL / 2, width,
        height: TALL, rx: TALL / 2 }),
      drawn("text", { class: "way-count", x: middle.x, y: middle.y + 4 }, text)));
  }

  // The first place on the line that no other figure covers; else the one that is covered least.
  free(path, width) {
    const length = path.getTotalLength();
    let best = null;
    for (const part of ALONG) {
      const at = path.getPointAtLength(length * part);
      const box = { x: at.x - width / 2, y: at.y - TALL / 2, width };
      const covered = this.taken.reduce((sum, one) => sum + over(box, one), 0);
      if (!best || covered < best.covered) best = { at, box, covered };
      if (!covered) break;
    }
    this.taken.push(best.box);
    return best.at;
  }
}
