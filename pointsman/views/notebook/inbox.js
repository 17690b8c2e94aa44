// The live inbox. Everything from messages and models is set as text, never as markup.

const BEAT_MS = 20000;
const ANSWER_MS = 6000; // without an answer for so long the page says so
const LOST = "No answer from the kernel: it is busy with another cell, or it was restarted. " +
  "If it was restarted, reconnect: run the cell again. A card that does not lock is not decided.";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child || child === 0) made.append(child); // a string becomes a text node
  }
  return made;
}

function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [size, name] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([n]) => s >= n) || [1, "s"];
  return `${Math.floor(s / size)} ${name}`;
}

// One argument: an input for `spec`, and what it holds now as JSON text.
class Field {
  constructor(spec, editable) {
    this.spec = spec;
    this.node = this.input(editable);
    this.initial = this.raw;
  }

  input(editable) {
    const { type, text, name, label, about, step, min, max, options, empty } = this.spec;
    const known = { "data-arg": name, "aria-label": label, title: about || undefined };
    if (type === "choice") {
      return element("select", { ...known, disabled: !editable }, options.map((one) =>
        element("option", { value: one.value, selected: one.value === text }, one.label)));
    }
    if (type === "flag") {
      return element("input",
        { ...known, type: "checkbox", checked: text === "true", disabled: !editable });
    }
    const none = { null: "none", absent: "not given" }[empty];
    const open = { ...known, placeholder: none, readonly: !editable };
    if (type === "number") {
      return element("input", { ...open, type: "number", value: text, step, min, max });
    }
    if (type === "text") return element("input", { ...open, type: "text", value: text });
    const lines = text.split("\n").reduce((n, line) => n + 1 + Math.floor(line.length / 90), 0);
    const area = element("textarea",
      { ...open, rows: Math.min(14, Math.max(2, lines)), spellcheck: "false" });
    area.value = text;
    return area;
  }

  get raw() {
    return this.spec.type === "flag" ? String(this.node.checked) : this.node.value;
  }

  set raw(text) {
    if (this.spec.type === "flag") this.node.checked = text === "true";
    else this.node.value = text;
  }

  get changed() {
    if (this.raw === this.initial && !this.node.validity.badInput) return false;
    return this.spec.type !== "number" || this.raw === "" || this.initial === "" ||
      !Number.isSafeInteger(Math.ceil(Number(this.raw))) || Number(this.raw) !== Number(this.initial);
  }

  // Its value as JSON text; null where it is not given. Throws what is wrong with it.
  get json() {
    const { type, empty } = this.spec;
    const raw = this.raw;
    if (raw === "" && !this.node.validity.badInput && empty === "null") return "null";
    if (raw === "" && !this.node.validity.badInput && empty === "absent") return null;
    if (type === "text" || type === "long") return JSON.stringify(raw);
    if (type === "number") {
      if (raw === "" || !this.node.checkValidity()) {
        throw new Error(raw === "" ? "is no number" : this.node.validationMessage);
      }
      return parses(raw) ? raw : String(Number(raw));
    }
    if (!parses(raw)) throw new Error("is no JSON");
    return raw;
  }
}

function parses(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

// One ticket. Its element stays the same while what it shows changes.
class Card {
  constructor(inbox) {
    this.inbox = inbox;
    this.node = element("div", { class: "pm-card", role: "group" });
    this.text = "";
    this.said = { error: "", note: "" };
    this.nonce = ""; // of the decision that is under way
    this.done = false; // decided from this page
    this.unused = ""; // what was typed in vain
  }

  show(data) {
    const text = JSON.stringify(data);
    if (text === this.text) return;
    this.text = text;
    const typed = this.typed();
    const focus = this.focus();
    const locks = this.data && this.data.status === "pending" && data.status !== "pending";
    if (locks) {
      this.unused = this.inTypedWords();
      // Nothing below moves under a mouse that is about to click.
      if (this.inbox.held()) this.node.style.minHeight = `${this.node.offsetHeight}px`;
    }
    this.data = data;
    this.draw();
    for (const [name, raw] of typed) this.write(name, raw);
    this.refocus(focus);
    this.dirty();
  }

  get open() {
    return this.data.status === "pending";
  }

  draw() {
    const { data, node } = this;
    node.dataset.ticket = data.id;
    node.dataset.kind = data.kind;
    node.dataset.status = data.status;
    node.dataset.stakes = data.stakes;
    node.setAttribute("aria-label", `${data.title} ${data.asks}`);
    this.form = data.fields.map((spec) => new Field(spec,
      this.open && Boolean(data.words.edit) && !this.inbox.readonly));
    this.error = element("div", { class: "pm-error", role: "alert" });
    this.note = element("div", { class: "pm-note", role: "status" });
    this.time = element("span", { class: "pm-dim pm-right" });
    this.buttons = [];
    node.replaceChildren(
      element("div", { class: "pm-title" }, element("b", {}, data.title),
        data.asks && element("span", { class: "pm-badge pm-warn" }, data.asks),
        data.risk && element("span", { class: "pm-badge" }, data.risk), this.time),
      element("div", { class: "pm-why" }, data.reason),
      element("div", { class: "pm-changes" }, this.changes()),
      element("div", { class: "pm-args" }, this.form.map((field) => this.row(field))),
      element("div", { class: "pm-dim pm-facts" }, data.facts.join(" · "), this.link()),
      ...(this.open ? this.actions() : [this.ended()]), this.error, this.note);
    this.say(this.said.error, this.said.note);
    this.tick();
  }

  // To the run's own page, where there is one.
  link() {
    const runs = this.inbox.model.get("runs");
    return runs ? [" · ", element("a", { href: runs + encodeURIComponent(this.data.run) }, "see the run")] : [];
  }

  changes() {
    const lines = this.data.changes.map((one) => element("div", { class: "pm-change" },
      `${one.what}: `, element("del", {}, one.before), " → ", element("ins", {}, one.after)));
    if (this.data.preview) {
      lines.push(element("div", { class: "pm-preview" }, this.data.preview));
    }
    return lines;
  }

  row(field) {
    const { label, origins, was, text } = field.spec;
    const badges = origins.map((one) =>
      element("span", { class: `pm-badge${one.doubt ? " pm-warn" : ""}` }, one.text));
    if (was) badges.push(element("span", { class: "pm-badge pm-warn" }, `edited; was ${was}`));
    if (text.length > 1000) {
      badges.push(element("span", { class: "pm-badge" }, `${text.length} characters`));
    }
    field.node.addEventListener("input", () => this.dirty());
    return [element("label", {}, label),
      element("div", { class: "pm-value" }, field.node, badges)];
  }

  ended() {
    const [status, who, ...more] = this.data.ended;
    const when = who && this.data.decided ? `, ${new Date(this.data.decided).toLocaleString()}` : "";
    const unused = this.unused && !this.done && !this.nonce ? [`Not used: ${this.unused}.`] : [];
    return element("div", { class: "pm-decided" },
      [status, who && who + when, ...more, ...unused].filter(Boolean).map((part, n) =>
        element("span", { class: n ? "" : "pm-status" }, part)));
  }

  actions() {
    if (this.inbox.readonly) return [];
    const { words, kind } = this.data;
    const plain = kind === "action";
    const button = (name, type, says, go = false) => {
      const made = element("button", { type: "button", "aria-label": name, title: words[type],
        class: go ? "pm-go" : undefined,
        // A second click of a double click is not a second decision.
        onclick: (event) => { if (event.detail < 2) this.decide(type); } }, says);
      this.buttons.push(made);
      return made;
    };
    const worded = (name, type) => (plain ? name : `${name}: ${words[type]}`);
    const input = (name, placeholder) => element("input",
      { type: "text", "data-field": name, "aria-label": placeholder, placeholder });
    this.undo = element("button", { type: "button", class: "pm-undo", hidden: true,
      onclick: () => this.reset() }, "Undo my changes");
    return [
      element("div", { class: "pm-acts" }, input("reason", "reason")),
      element("div", { class: "pm-acts" }, button("Approve", "approve", worded("Approve", "approve"), true),
        words.edit && button("Edit", "edit", "Edit: approve with these changes"),
        button("Reject", "reject", worded("Reject", "reject")), this.undo),
      element("div", { class: "pm-acts" },
        words.respond && element("span", { class: "pm-pair" }, input("text", words.asks_respond),
          button("Respond", "respond", worded("Respond", "respond"))),
        element("span", { class: "pm-pair" }, input("to", "another reviewer"),
          button("Escalate", "escalate", "Escalate"))),
    ];
  }

  // Deciding

  decide(type) {
    this.say("", "");
    const by = this.inbox.name();
    if (!by) return;
    const said = { ticket: this.data.id, type, by, reason: this.value("reason") };
    const fault = this.complete(said);
    if (fault) return this.say(fault, "");
    this.nonce = said.nonce = `${Date.now()}-${Math.random()}`;
    this.busy(true);
    this.inbox.send(this, said);
  }

  // Adds what the type takes; gives what is missing.
  complete(said) {
    const changed = this.form.filter((field) => field.changed);
    if (said.type === "approve") {
      said.digest = this.data.shows;
      const names = changed.map((field) => field.spec.label).join(", ");
      if (names) {
        return `You changed ${names}: Edit approves with that. Undo it to approve what was asked.`;
      }
    }
    if (said.type === "edit") {
      if (!changed.length) return "Change an argument first, or approve.";
      said.json = {};
      for (const field of changed) {
        try {
          const json = field.json;
          if (json !== null) said.json[field.spec.name] = json;
        } catch (error) {
          field.node.focus();
          return `${field.spec.label}: ${error.message}`;
        }
      }
    }
    if (said.type === "reject" && this.data.kind === "action" && !said.reason) {
      return "Give a reason: the specialist sees it.";
    }
    if (said.type === "respond" && !(said.text = this.value("text"))) {
      return `Write ${this.data.words.asks_respond} first.`;
    }
    if (said.type === "escalate" && !(said.to = this.value("to"))) {
      return "Name who shall decide instead.";
    }
    return "";
  }

  // Python's word on the decision under way.
  told(ack) {
    if (ack.state === "taken") return;
    this.nonce = "";
    this.done = ack.state === "done";
    this.busy(false);
    if (this.done && this.open) this.clear();
    this.say(this.done ? "" : ack.text, this.done ? ack.text || (this.open ? "Recorded." : "") : "");
    if (!this.open) this.node.querySelector(".pm-decided").replaceWith(this.ended());
  }

  // What is typed

  value(name) {
    const field = this.node.querySelector(`[data-field="${name}"]`);
    return field ? field.value.trim() : "";
  }

  typed() {
    const fields = this.data && this.open ? [...this.node.querySelectorAll("[data-field]")] : [];
    const args = this.data && this.open ? this.form.filter((field) => field.changed) : [];
    return [...fields.filter((one) => one.value).map((one) => [one.dataset.field, one.value]),
      ...args.map((field) => [field, field.raw])];
  }

  write(name, raw) {
    if (typeof name === "string") {
      const field = this.node.querySelector(`[data-field="${name}"]`);
      if (field) field.value = raw;
    } else if (this.open) {
      const field = this.form.find((one) => one.spec.name === name.spec.name &&
        one.spec.type === name.spec.type);
      if (field) field.raw = raw;
    }
  }

  inTypedWords() {
    return this.typed().map(([name, raw]) =>
      `${typeof name === "string" ? name : name.spec.label} “${raw}”`).join(", ");
  }

  reset() {
    for (const field of this.form) field.raw = field.initial;
    this.say("", "");
    this.dirty();
  }

  clear() {
    for (const one of this.node.querySelectorAll("[data-field]")) one.value = "";
    this.reset();
  }

  dirty() {
    if (this.open && this.undo) this.undo.hidden = !this.form.some((field) => field.changed);
  }

  focus() {
    const now = this.node.getRootNode().activeElement;
    if (!now || !this.node.contains(now)) return null;
    const { arg, field } = now.dataset;
    const at = now.type === "text" || now.tagName === "TEXTAREA"
      ? [now.selectionStart, now.selectionEnd] : null;
    return { arg, field, at };
  }

  refocus(was) {
    if (!was) return;
    const now = [...this.node.querySelectorAll("[data-arg], [data-field]")].find((one) =>
      one.dataset.arg === was.arg && one.dataset.field === was.field);
    if (!now) return;
    now.focus({ preventScroll: true });
    if (was.at && now.setSelectionRange) now.setSelectionRange(...was.at);
  }

  say(error, note) {
    this.said = { error, note };
    this.error.textContent = error;
    this.note.textContent = note;
  }

  busy(on) {
    this.node.setAttribute("aria-busy", String(on));
    for (const button of this.buttons) button.disabled = on;
  }

  tick() {
    const { created, expires, late } = this.data;
    if (!this.open) return;
    const left = expires === null ? null : expires - Date.now();
    const until = left === null ? ""
      : left > 0 ? ` · ${span(left)} left, then ${late}` : ` · time is up: ${late}`;
    this.time.textContent = `waiting ${span(Date.now() - created)}${until}`;
  }
}

class Inbox {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.readonly = Boolean(model.get("readonly")); // for people who may look and not decide
    this.cards = new Map(); // ticket id -> Card
    this.flights = new Map(); // nonce -> { card, at, taken }
    this.asked = null; // when the last beat went out, until it is answered
    this.inside = false; // whether the mouse is
    this.by = element("input", { "data-field": "by", type: "text", "aria-label": "Your name",
      placeholder: "your name", value: model.get("by"), onchange: () => this.named() });
    this.title = element("b");
    this.noName = element("span", { class: "pm-error", role: "alert" });
    this.trouble = element("div", { class: "pm-trouble", role: "alert" });
    this.list = element("div");
    this.more = element("div", { class: "pm-dim" });
    root.classList.add("pm-inbox");
    root.append(element("div", { class: "pm-head" }, this.title, this.noName,
      element("label", {}, "Decide as", this.by)), this.trouble, this.list, this.more);
    root.addEventListener("pointerenter", () => { this.inside = true; });
    root.addEventListener("pointerleave", () => { this.inside = false; this.settle(); });
  }

  // Whether a person is at it: then nothing moves.
  held() {
    return this.inside || this.root.contains(this.root.getRootNode().activeElement);
  }

  update() {
    const data = this.model.get("cards");
    const more = this.model.get("more");
    const open = data.filter((one) => one.status === "pending").length + more;
    const waits = !this.model.get("looked") ? "looking…"
      : open ? `${open} waiting for a person` : "nothing waits for a person";
    this.title.textContent = `${this.model.get("team")}: ${waits}`;
    this.more.textContent = more ? `${more} more: they appear as these are decided.` : "";
    for (const one of data) {
      if (!this.cards.has(one.id)) {
        this.cards.set(one.id, new Card(this));
        this.list.append(this.cards.get(one.id).node);
      }
      this.cards.get(one.id).show(one);
    }
    const there = new Set(data.map((one) => one.id));
    for (const [id, card] of this.cards) {
      if (there.has(id)) continue;
      card.node.remove();
      this.cards.delete(id);
    }
    this.settle();
    this.tick();
  }

  // Open cards first, and no gaps; when nobody is at it.
  settle() {
    if (this.held()) return;
    this.model.get("cards").forEach(({ id }, n) => {
      const { node } = this.cards.get(id) || {};
      if (!node) return;
      node.style.minHeight = "";
      if (this.list.children[n] !== node) this.list.insertBefore(node, this.list.children[n]);
    });
  }

  name() {
    const by = this.by.value.trim();
    this.noName.textContent = by ? "" : "Who decides? Give your name first.";
    this.by.setAttribute("aria-invalid", String(!by));
    if (!by) this.by.focus();
    return by;
  }

  named() {
    if (this.by.value.trim()) this.name();
    this.set({ by: this.by.value.trim() });
  }

  // One list of all that Python has not taken: a busy kernel gets its last value only.
  send(card, said) {
    this.flights.set(said.nonce, { card, at: Date.now(), taken: false });
    const heard = new Set(this.model.get("acks").map((ack) => ack.nonce));
    const waiting = this.model.get("decisions").filter((one) => !heard.has(one.nonce));
    this.set({ decisions: [...waiting, said] });
  }

  set(values) {
    try {
      for (const [name, value] of Object.entries(values)) this.model.set(name, value);
      this.model.save_changes();
    } catch {
      this.asked = 0; // the widget's line is cut: the page says so at once
      this.tick();
    }
  }

  heard() {
    for (const ack of this.model.get("acks")) {
      const flight = this.flights.get(ack.nonce);
      if (!flight) continue;
      if (!flight.taken && flight.card.said.error === LOST) flight.card.say("", "");
      flight.taken = true;
      flight.card.told(ack);
      if (ack.state !== "taken") this.flights.delete(ack.nonce);
    }
  }

  tick() {
    const now = Date.now();
    for (const card of this.cards.values()) card.tick();
    for (const { card, at, taken } of this.flights.values()) {
      if (!taken && now - at > ANSWER_MS && card.said.error !== LOST) card.say(LOST, "");
    }
    const lost = this.asked !== null && now - this.asked > ANSWER_MS;
    const text = lost ? LOST : this.model.get("trouble");
    if (this.trouble.textContent !== text) this.trouble.textContent = text;
    this.root.classList.toggle("pm-lost", lost);
  }

  beat() {
    this.asked ??= Date.now();
    this.set({ beat: Date.now() % 2147483647 });
  }

  answered() {
    this.asked = null;
    this.tick();
  }
}

function render({ model, el }) {
  const inbox = new Inbox(model, el);
  const heard = {
    "change:cards change:more change:looked": () => inbox.update(),
    "change:trouble": () => inbox.tick(),
    "change:acks": () => inbox.heard(),
    "change:answered": () => inbox.answered(),
    comm_live_update: () => inbox.beat(), // Jupyter's word that the line was cut or mended
  };
  for (const [names, call] of Object.entries(heard)) {
    for (const name of names.split(" ")) model.on(name, call);
  }
  inbox.update();
  inbox.beat();
  const beat = setInterval(() => inbox.beat(), BEAT_MS);
  const tick = setInterval(() => inbox.tick(), 1000);
  return () => {
    clearInterval(beat);
    clearInterval(tick);
    for (const [names, call] of Object.entries(heard)) {
      for (const name of names.split(" ")) model.off(name, call);
    }
  };
}

export default { render };
