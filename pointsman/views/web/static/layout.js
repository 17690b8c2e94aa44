// Where the places of a graph stand, and the lines between them. Pure geometry, in pixels.
//
// Wide: a column a kind, from left to right. Narrow: rows of at most two, from top to bottom. Lines
// between neighbours are curves; lines that would cross others' boxes go round them in a lane.

const COLUMN = { message: 0, router: 1, specialist: 2, answer: 3, tool: 3, run: 3, effect: 3, person: 3 };
const ORDER = ["answer", "tool", "run", "effect", "person"];
export const [W, H] = [152, 46];
const [GAP_X, GAP_Y, PAD, LANE] = [72, 22, 22, 16];

function columns(nodes) {
  const groups = [[], [], [], []];
  for (const node of nodes) groups[COLUMN[node.kind] ?? 3].push(node);
  groups[3].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  return groups.filter((group) => group.length);
}

export function placed(nodes, edges, narrow) {
  const places = new Map();
  const rows = narrow ? rowsOf(columns(nodes)) : columns(nodes);
  rows.forEach((group, level) => group.forEach((node, at) => places.set(node.id, { node, level, at, of: group.length })));
  const [before, after] = lanes(places, edges);
  return narrow ? stacked(rows, places, after) : beside(rows, places, edges, before, after);
}

// The answer comes last from top to bottom.
function rowsOf(groups) {
  const rows = [];
  for (const group of groups) {
    const last = group.filter((node) => node.kind === "answer");
    const rest = group.filter((node) => node.kind !== "answer");
    for (let n = 0; n < rest.length; n += 2) rows.push(rest.slice(n, n + 2));
    if (last.length) rows.push(last);
  }
  return rows;
}

// Whether any line needs the lane before (above) and the one after (below, or at the right).
function lanes(places, edges) {
  const far = edges.map(({ frm, to }) => (places.get(to)?.level ?? 0) - (places.get(frm)?.level ?? 0));
  return [far.some((levels) => levels > 1), far.some((levels) => levels < -1)];
}

function beside(groups, places, edges, above, below) {
  const tallest = Math.max(1, ...groups.map((group) => group.length));
  const inner = tallest * (H + GAP_Y) - GAP_Y;
  const top = PAD + (above ? LANE + 8 : 0);
  for (const place of places.values()) {
    place.x = PAD + place.level * (W + GAP_X);
    place.y = top + (inner - (place.of * (H + GAP_Y) - GAP_Y)) / 2 + place.at * (H + GAP_Y);
  }
  const height = top + inner + PAD + (below ? LANE + 8 : 0);
  const width = groups.length * (W + GAP_X) - GAP_X + 2 * PAD + (rounds(places) ? GAP_X / 2 : 0);
  return { places, width, height, narrow: false, first: top - LANE, last: top + inner + LANE,
    ports: ports(places, edges) };
}

const way = (frm, to) => JSON.stringify([frm, to]);

// How far above or below the middle of its two places each line meets them: those of one side stand
// apart, in the order of where they lead.
function ports(places, edges) {
  const found = new Map();
  const sides = new Map();
  for (const name of new Set(edges.map(({ frm, to }) => way(frm, to)))) {
    const [a, b] = JSON.parse(name).map((id) => places.get(id));
    if (!a || !b || a === b || Math.abs(b.level - a.level) > 1) continue;
    const port = { out: 0, into: 0 };
    found.set(name, port);
    const forth = b.level > a.level;
    const back = b.level < a.level;
    for (const [place, other, end, left] of [[a, b, "out", back], [b, a, "into", forth]]) {
      const side = JSON.stringify([place.node.id, left]);
      if (!sides.has(side)) sides.set(side, []);
      sides.get(side).push({ port, end, y: other.y, order: forth ? 0 : 1 });
    }
  }
  for (const lines of sides.values()) {
    lines.sort((a, b) => a.y - b.y || a.order - b.order);
    const apart = Math.min(15, (H - 12) / Math.max(1, lines.length - 1));
    lines.forEach((line, n) => { line.port[line.end] = (n - (lines.length - 1) / 2) * apart; });
  }
  return found;
}

// Whether places of the last column may have lines among themselves, which go round at the right.
function rounds(places) {
  return Math.max(...[...places.values()].map((place) => place.of)) > 1;
}

function stacked(rows, places, lane) {
  const full = 2 * W + 14;
  for (const place of places.values()) {
    place.x = PAD + (full - place.of * (W + 14) + 14) / 2 + place.at * (W + 14);
    place.y = PAD + place.level * (H + 32);
  }
  return { places, width: full + 2 * PAD + (lane ? 6 : 0), height: rows.length * (H + 32) - 32 + 2 * PAD,
    narrow: true, first: 10, last: full + PAD + 14 };
}

// The line from `a` to `b` as an SVG path; `drawing` is what `placed` gave.
export function path(a, b, drawing) {
  if (a === b) return `M${a.x + W - 46},${a.y} c0,-20 30,-20 30,-4`;
  return drawing.narrow ? downwards(a, b, drawing) : sideways(a, b, drawing);
}

function sideways(a, b, { first, last, ports: known }) {
  const levels = b.level - a.level;
  const [middleA, middleB] = [a.y + H / 2, b.y + H / 2];
  const { out, into } = known.get(way(a.node.id, b.node.id)) ?? { out: 0, into: 0 };
  const [y1, y2] = [middleA + out, middleB + into];
  if (levels === 0) {
    const [x, round] = [a.x + W, a.x + W + GAP_X * 0.6];
    return `M${x},${y1} C${round},${y1} ${round},${y2} ${x + 6},${y2}`;
  }
  if (Math.abs(levels) > 1) {
    const y = levels > 0 ? first : last;
    const turn = levels > 0 ? 10 : -10;
    const bus = b.x - GAP_X / 3;
    const [x, edge] = [a.x + W / 2, levels > 0 ? a.y : a.y + H];
    const end = levels > 0 ? middleB - 10 : middleB + 10;
    const side = bus > x ? 10 : -10;
    return `M${x},${edge} L${x},${y + turn} q0,${-turn} ${side},${-turn} L${bus - 10 * Math.sign(side)},${y} ` +
      `q${side},0 ${side},${turn} L${bus},${end - turn} q0,${turn} 10,${turn} L${b.x - 6},${end}`;
  }
  const forth = levels > 0;
  const [x1, x2] = forth ? [a.x + W, b.x - 6] : [a.x, b.x + W + 6];
  const bend = (x2 - x1) / 2;
  return `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
}

function downwards(a, b, { first, last }) {
  const levels = b.level - a.level;
  if (levels === 0) {
    const [x1, x2] = [a.x + W / 2, b.x + W / 2];
    const y = a.y + H;
    return `M${x1},${y} C${x1},${y + 24} ${x2},${y + 24} ${x2},${y + 6}`;
  }
  if (Math.abs(levels) > 1) {
    const right = levels < 0;
    const [x, out] = right ? [W, last] : [0, first];
    const [y1, y2] = [a.y + H / 2 + 8, b.y + H / 2 - 8];
    return `M${a.x + x},${y1} C${out},${y1} ${out},${y1} ${out},${(y1 + y2) / 2} S${out},${y2} ${b.x + x + (right ? 6 : -6)},${y2}`;
  }
  const down = levels > 0;
  const off = down ? -9 : 9;
  const [x1, x2] = [a.x + W / 2 + off, b.x + W / 2 + off];
  const [y1, y2] = down ? [a.y + H, b.y - 6] : [a.y, b.y + H + 6];
  const bend = (y2 - y1) / 2;
  return `M${x1},${y1} C${x1},${y1 + bend} ${x2},${y2 - bend} ${x2},${y2}`;
}
