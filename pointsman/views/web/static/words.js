// States and kinds: a sign, a word and a tone each, so that nothing is told by colour alone.

import { element, link } from "./dom.js";
import { ago, money, seconds, short } from "./format.js";
import { runWay } from "./routes.js";

export const STATES = {
  running: ["▶", "running", "note"],
  waiting: ["◷", "waiting", "warn"],
  done: ["✓", "done", "good"],
  partial: ["◐", "partial", "warn"],
  blocked: ["⊘", "blocked", "bad"],
  no_route: ["∅", "no route", "warn"],
  cancelled: ["–", "cancelled", "dim"],
  failed: ["✕", "failed", "bad"],
};
export const SIGNS = { plain: "·", good: "✓", note: "●", warn: "▲", bad: "✕", dim: "·" };
const LIGHTS = {
  closed: ["✓", "works", "good"],
  half_open: ["◐", "being tried", "warn"],
  open: ["✕", "left alone", "bad"],
};

export function badge([sign, word, tone], attributes) {
  return element("span", { class: "badge", "data-tone": tone, ...attributes },
    element("span", { "aria-hidden": "true" }, sign), " ", word);
}

export function state(name) {
  return badge(STATES[name] ?? ["?", name, "plain"], { "data-state": name });
}

export function light(name) {
  return badge(LIGHTS[name] ?? ["?", name, "plain"]);
}

export function verdict(name, shadow) {
  const known = { allow: ["✓", "allows", "dim"], redact: ["▤", "redacts", "note"],
    block: ["⊘", "blocks", "bad"], escalate: ["◷", "asks a person", "warn"] };
  const [sign, word, tone] = known[name] ?? ["?", name, "plain"];
  return badge([sign, shadow ? `on trial: ${word}` : word, tone]);
}

export function runLink(run, text) {
  return link(runWay(run), { class: text ? null : "code", title: run }, text || short(run));
}

// A run in a list, as one card-like line that is a link. The same everywhere.
export function runLine(line, more) {
  const facts = [line.specialist, line.thread && `thread ${line.thread}`,
    line.tenant && line.tenant !== "default" && `tenant ${line.tenant}`].filter(Boolean);
  return element("li", { class: "run", "data-run": line.run },
    element("div", { class: "run-head" },
      link(runWay(line.run), { class: "run-text said", "data-key": line.run, title: line.text },
        line.text || "(no text)"),
      state(line.state)),
    element("div", { class: "run-facts" },
      element("span", { class: "run-who" }, facts.join(" · ")),
      element("span", { class: "run-figures" },
        ago(line.created), element("span", {}, seconds(line.seconds)),
        element("span", {}, money(line.usd)), more)));
}
