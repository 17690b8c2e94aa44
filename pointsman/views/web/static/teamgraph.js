// The team's graph with how often each way was taken today. The same placing as a run's graph.

import { drawn } from "./dom.js";
import { count } from "./format.js";
import { RunGraph } from "./rungraph.js";

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
    for (const line of this.graph.lines) {
      const times = line.edges.reduce((sum, one) => sum + one.count, 0);
      line.node.classList.toggle("unused", times === 0);
      if (times) this.label(line.node, times, most);
    }
  }

  label(path, times, most) {
    path.setAttribute("stroke-width", String(1.4 + 2.4 * (times / most)));
    const middle = path.getPointAtLength(path.getTotalLength() * 0.42);
    const text = count(times);
    const width = 8 + 7.4 * text.length;
    this.node.append(drawn("g", { class: "way-tag" },
      drawn("rect", { class: "way-label", x: middle.x - width / 2, y: middle.y - 9, width, height: 18, rx: 9 }),
      drawn("text", { class: "way-count", x: middle.x, y: middle.y + 4 }, text)));
  }
}
