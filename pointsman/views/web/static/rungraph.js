// A run as a graph of messages, drawn by kind of place: who asked, the router, specialists, what
// they used, people and effects, the answer. What has not happened yet at a step is pale.

import { drawn } from "./dom.js";
import { H, path, placed, W } from "./layout.js";

const SIGN = { message: "✉", router: "⇄", specialist: "◆", tool: "⚙", run: "↳", person: "☺",
  effect: "✎", answer: "✓" };
const NARROW = 640;

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// Ways from place to place, with the steps at which something went along.
function ways(edges) {
  const found = new Map();
  for (const edge of edges) {
    const key = JSON.stringify([edge.frm, edge.to]);
    if (!found.has(key)) found.set(key, { frm: edge.frm, to: edge.to, edges: [] });
    found.get(key).edges.push(edge);
  }
  return [...found.values()];
}

function tip(id) {
  return drawn("marker", { id, viewBox: "0 0 8 8", refX: "6", refY: "4", markerWidth: "9",
    markerHeight: "9", markerUnits: "userSpaceOnUse", orient: "auto" },
  drawn("path", { class: id, d: "M0 0L8 4L0 8z" }));
}

export class RunGraph {
  // `pick` is called with the step at which a place or a way was first used.
  constructor(pick) {
    this.pick = pick;
    this.node = drawn("svg", { class: "graph", role: "img", "aria-labelledby": "graph-words" });
  }

  show(page) {
    this.page = page;
    const narrow = window.innerWidth < NARROW;
    const drawing = placed(page.nodes, page.edges, narrow);
    const { places, width, height } = drawing;
    this.lines = ways(page.edges).filter((way) => places.has(way.frm) && places.has(way.to))
      .map((way) => ({ ...way, node: drawn("path", { class: "way", "marker-end": "url(#tip)",
        d: path(places.get(way.frm), places.get(way.to), drawing) },
      drawn("title", {}, way.edges.map((one) => one.label).filter(Boolean).join("\n"))) }));
    this.boxes = [...places.values()].map((place) => ({ ...place, drawn: this.box(place) }));
    this.node.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.node.setAttribute("width", width);
    this.node.setAttribute("height", height);
    this.node.replaceChildren(
      drawn("title", { id: "graph-words" }, this.words()),
      drawn("defs", {}, tip("tip"), tip("tip-now")),
      ...this.lines.map((line) => line.node), ...this.boxes.map((box) => box.drawn));
  }

  box({ x, y, node }) {
    const first = this.page.steps.find((step) => step.node === node.id);
    const times = node.count > 1 ? ` ×${node.count}` : "";
    return drawn("g", { class: "place", "data-kind": node.kind, "data-tone": node.tone,
      onclick: () => { if (first) this.pick(first.index); } },
    drawn("title", {}, `${node.label}${times}`),
    drawn("rect", { x, y, width: W, height: H, rx: node.kind === "message" || node.kind === "answer"
      ? H / 2 : 9 }),
    drawn("text", { class: "place-sign", x: x + 16, y: y + H / 2 + 5 }, SIGN[node.kind]),
    drawn("text", { class: "place-name", x: x + 36, y: y + H / 2 + 5 },
      cut(node.label, times ? 11 : 14) + times));
  }

  words() {
    const { nodes, edges } = this.page;
    return `The run as a graph: ${nodes.map((node) => node.label).join(", ")}; ` +
      `${edges.length} messages between them. The timeline says the same in words.`;
  }

  // Shows the run as of a step: what went before, what goes now, what comes later.
  at(index) {
    const step = this.page.steps[index];
    const been = new Set(this.page.steps.slice(0, index + 1).map((one) => one.node));
    for (const { edges, node } of this.lines) {
      const now = edges.some((edge) => edge.step === index);
      const past = edges.some((edge) => edge.step <= index);
      if (past) edges.filter((one) => one.step <= index).forEach((one) => been.add(one.frm).add(one.to));
      node.setAttribute("data-when", now ? "now" : past ? "past" : "later");
      node.setAttribute("marker-end", now ? "url(#tip-now)" : "url(#tip)");
    }
    for (const { node, drawn: box } of this.boxes) {
      const now = step && step.node === node.id;
      box.setAttribute("data-when", now ? "now" : been.has(node.id) ? "past" : "later");
    }
  }
}
