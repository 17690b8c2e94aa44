// What a notebook's kernel is to the ticket cards: their model, kept by fetch.
//
// The cards write `decisions`, `beat` and `by`, and hear of changes of the rest, as from a kernel.

import { get, post } from "./api.js";

const DECIDED = 1; // the last decided ones too: they say who decided what

export class Model {
  constructor({ team, by, run = "" }) {
    this.values = { team, by, cards: [], more: 0, looked: false, trouble: "", decisions: [],
      acks: [], beat: 0, answered: 0, readonly: false };
    this.changed = new Set();
    this.listeners = new Map();
    this.run = run;
    this.sent = new Set(); // nonces
    this.asked = 0;
    this.shown = 0;
  }

  // The interface of a widget's model.

  get(name) {
    return this.values[name];
  }

  set(name, value) {
    this.values[name] = value;
    this.changed.add(name);
  }

  save_changes() {
    const changed = [...this.changed];
    this.changed.clear();
    if (changed.includes("beat")) this.tell({ answered: this.values.beat });
    if (changed.includes("decisions")) {
      for (const said of this.values.decisions) if (!this.sent.has(said.nonce)) this.decide(said);
    }
  }

  on(name, listener) {
    if (!this.listeners.has(name)) this.listeners.set(name, new Set());
    this.listeners.get(name).add(listener);
  }

  off(name, listener) {
    this.listeners.get(name)?.delete(listener);
  }

  send() {}

  tell(values) {
    const names = Object.keys(values).filter((name) => values[name] !== this.values[name]);
    Object.assign(this.values, values);
    for (const name of names) {
      for (const listener of [...(this.listeners.get(`change:${name}`) ?? [])]) listener();
    }
  }

  // The server

  get waiting() {
    return this.values.looked ? this.values.more +
      this.values.cards.filter((one) => one.status === "pending").length : null;
  }

  // An answer that comes after a later one's is dropped.
  async read() {
    this.asked += 1;
    const turn = this.asked;
    const page = await get("/console/tickets", { decided: DECIDED, run: this.run });
    if (turn < this.shown) return;
    this.shown = turn;
    this.values.looked = true;
    this.values.more = page.more;
    this.tell({ cards: page.cards, trouble: page.trouble });
  }

  async decide(said) {
    this.sent.add(said.nonce);
    this.ack({ nonce: said.nonce, ticket: said.ticket, state: "taken", text: "" });
    let ack;
    try {
      ack = await post(`/console/tickets/${encodeURIComponent(said.ticket)}/decide`, said);
    } catch (error) {
      ack = error.body && error.body.state === "refused" ? error.body : this.refusal(said, error);
    }
    if (ack.card) {
      this.tell({ cards: this.values.cards.map((one) => (one.id === ack.ticket ? ack.card : one)) });
    }
    this.ack(ack);
    this.read().catch(() => {}); // the feed reads again
  }

  refusal(said, error) {
    const lost = error.status === 0
      ? "Whether it was decided is not known: the card locks when it was." : "";
    return { nonce: said.nonce, ticket: said.ticket, state: "refused",
      text: [error.message, error.hint, lost].filter(Boolean).join(" ") };
  }

  ack(word) {
    this.tell({ acks: [...this.values.acks, word].slice(-50) });
  }
}
