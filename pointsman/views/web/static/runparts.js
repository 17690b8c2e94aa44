// Everything in a run by kind: messages, model calls, verdicts, tools, tickets, effects, children.

import cards from "./inbox.js";
import { element, table } from "./dom.js";
import { count, money, plural, seconds, short } from "./format.js";
import { Model } from "./model.js";
import { message } from "./stepdetail.js";
import { badge, runLine, verdict } from "./words.js";

const EFFECTS = { intended: ["◷", "begun", "warn"], done: ["✓", "done", "good"],
  failed: ["✕", "failed", "bad"], undone: ["↶", "undone", "note"] };

function fold(id, title, number, body, open = false) {
  return element("details", { class: "panel fold", "data-part": id, open },
    element("summary", {}, element("h2", {}, title), element("span", { class: "soft number" }, count(number))),
    body);
}

function stepButton(step, go) {
  return step === null ? "" : element("button", { type: "button", class: "quiet", onclick: () => go(step) },
    `step ${step + 1}`);
}

const number = (text) => element("td", { class: "number" }, text);

function messages(page, go) {
  const said = new Map(); // id -> text: one that is passed on is told once
  const rows = page.messages.map((one) => {
    const known = Boolean(one.message) && said.get(one.message) === one.text;
    said.set(one.message, one.text);
    return message(one, one.first === null ? null : stepButton(one.first, go), known);
  });
  const more = page.messages_left;
  return element("div", {}, rows,
    more ? element("p", { class: "soft" }, `${plural(more, "message")} more: Export has them all.`) : null);
}

function calls(page, go) {
  return table("Model calls", ["Specialist", "For", "Model", { text: "tokens", number: true },
    { text: "cost", number: true }, { text: "time", number: true }, "Where"],
  page.calls.map((one) => element("tr", {}, element("td", {}, one.specialist), element("td", {}, one.purpose),
    element("td", {}, one.model, one.source === "model" ? "" : ` (${one.source})`),
    number(`${count(one.input_tokens)} + ${count(one.output_tokens)}`), number(money(one.usd)),
    number(seconds(one.seconds)), element("td", {}, stepButton(one.step, go)))));
}

function verdicts(page, go) {
  return table("Guards' verdicts", ["Guard", "Stage", "Verdict", "Rule", { text: "found", number: true }, "Where"],
    page.verdicts.map((one) => element("tr", {}, element("td", {}, one.guard), element("td", {}, one.stage),
      element("td", {}, verdict(one.verdict, one.shadow)), element("td", { class: "said" }, one.rule),
      number(count(one.count)), element("td", {}, stepButton(one.step, go)))));
}

function tools(page, go) {
  return table("Tools", ["Tool", "Effect", "Outcome", { text: "time", number: true }, "Where"],
    page.tools.map((one) => element("tr", {}, element("td", {}, one.tool), element("td", {}, one.effect),
      element("td", { class: "said" }, one.ok ? "✓ worked" : `✕ ${one.error || "failed"}`),
      number(seconds(one.seconds)), element("td", {}, stepButton(one.step, go)))));
}

function effects(page) {
  return table("Effects", ["Tool", "State", "Result", { text: "tries", number: true }, "Key"],
    page.effects.map((one) => element("tr", {}, element("td", {}, one.tool),
      element("td", {}, badge(EFFECTS[one.state] ?? ["?", one.state, "plain"])),
      element("td", { class: "said" }, one.result), number(count(one.attempt)),
      element("td", { class: "code", title: one.key }, short(one.key)))));
}

// The parts, each of which folds. What is opened, typed and focused stays while the run goes on.
export class RunParts {
  constructor({ session }, go) {
    this.session = session;
    this.go = go;
    this.node = element("div");
    this.model = null;
    this.ends = () => {};
  }

  show(page) {
    const { go } = this;
    const waiting = page.tickets.some((one) => one.status === "pending");
    const parts = [
      ["tickets", "Tickets", page.tickets, () => this.tickets(page), waiting],
      ["messages", "Messages", page.messages, () => messages(page, go)],
      ["calls", "Model calls", page.calls, () => calls(page, go)],
      ["verdicts", "Verdicts of guards", page.verdicts, () => verdicts(page, go)],
      ["tools", "Tools", page.tools, () => tools(page, go)],
      ["effects", "Effects", page.effects, () => effects(page)],
      ["children", "Runs that it began", page.children,
        () => element("ul", { class: "runs" }, page.children.map((line) => runLine(line)))],
    ].filter(([, , rows]) => rows.length);
    const there = new Map([...this.node.children].map((one) => [one.dataset.part, one]));
    const next = parts.map(([id, title, rows, body, open = false]) => {
      const old = there.get(id);
      if (id !== "tickets" || !old) return fold(id, title, rows.length, body(), old ? old.open : open);
      this.tickets(page);
      old.querySelector("summary .number").textContent = count(rows.length);
      return old;
    });
    next.forEach((one, n) => {
      if (this.node.children[n] !== one) this.node.insertBefore(one, this.node.children[n] ?? null);
    });
    while (this.node.children.length > next.length) this.node.lastChild.remove();
  }

  // The run's cards, to decide here as in the inbox.
  tickets(page) {
    if (!this.model) {
      const { name, team, scopes } = this.session;
      this.model = new Model({ by: name, team, run: page.line.run });
      this.model.set("readonly", !scopes.includes("decide"));
      this.model.set("looked", true);
      this.host = element("div", { class: "pm-host" });
      this.ends = cards.render({ model: this.model, el: this.host });
    }
    this.model.tell({ cards: page.tickets });
    return this.host;
  }

  leave() {
    this.ends();
  }
}
