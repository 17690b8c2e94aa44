// The live line: server-sent events, whether it is up, and a word when it came back.

import { whoIsThere } from "./api.js";

const AGAIN_MS = [1000, 2000, 5000, 10000, 20000];
const KINDS = ["run", "ticket", "overview"];
const SILENT_MS = 30000; // an open line says how the team does every few seconds

export class Feed {
  constructor() {
    this.heard = new Map(); // kind -> Set of listeners
    this.state = "opening"; // open, lost
    this.since = Date.now();
    this.tries = 0;
    this.source = null;
    this.timer = 0;
    this.closed = true;
  }

  // Calls `listener` with each datum of a kind: run, ticket, overview, state, or again (something may
  // have been missed: read anew). Gives what ends it.
  on(kind, listener) {
    if (!this.heard.has(kind)) this.heard.set(kind, new Set());
    this.heard.get(kind).add(listener);
    return () => this.heard.get(kind).delete(listener);
  }

  tell(kind, data) {
    for (const listener of [...(this.heard.get(kind) ?? [])]) listener(data);
  }

  open() {
    this.closed = false;
    clearTimeout(this.timer);
    this.source?.close();
    const source = new EventSource("/console/feed");
    this.source = source;
    source.onopen = () => this.opened();
    source.onerror = () => this.failed(source);
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        this.heardAt = Date.now();
        this.tell(kind, JSON.parse(event.data));
      });
    }
    this.heardAt = Date.now();
    clearInterval(this.watch);
    this.watch = setInterval(() => this.listen(), 5000);
    source.addEventListener("missed", () => this.tell("again", null));
    source.addEventListener("end", (event) => this.ended(JSON.parse(event.data).why));
  }

  // A line can be cut without an end, by a laptop that slept: then it is opened anew.
  listen() {
    if (this.state !== "open" || Date.now() - this.heardAt < SILENT_MS) return;
    this.become("lost");
    this.open();
  }

  close() {
    this.closed = true;
    clearInterval(this.watch);
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  become(state) {
    if (state === this.state) return;
    this.state = state;
    this.since = Date.now();
    this.tell("state", state);
  }

  opened() {
    const was = this.state;
    this.tries = 0;
    this.become("open");
    if (was === "lost") this.tell("again", null);
  }

  failed(source) {
    if (source !== this.source) return;
    this.become("lost");
    if (source.readyState === EventSource.CLOSED) this.later(); // else the browser tries by itself
  }

  ended(why) {
    this.source.close();
    this.become("lost");
    if (why === "session") this.ask();
    else this.later();
  }

  later() {
    clearTimeout(this.timer);
    const wait = AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)];
    this.tries += 1;
    this.timer = setTimeout(() => this.ask(), wait);
  }

  // A refused line does not say why: the session may be over, or the server gone.
  async ask() {
    try {
      await whoIsThere();
      if (!this.closed) this.open();
    } catch (error) {
      if (this.closed) return;
      if (error.status === 401) this.tell("expired", null);
      else this.later();
    }
  }
}
