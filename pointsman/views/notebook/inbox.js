// The live inbox. Everything from messages and models is set as text, never as markup.

const KINDS = {
  action: { approve: "Approve", reject: "Reject", respond: "Respond" },
  admit: { approve: "Approve", reject: "Reject", respond: "Respond" },
  release: { approve: "Approve", reject: "Reject", respond: "Respond" },
  ambiguous: {
    approve: "Approve: it did not happen, do it now",
    reject: "Reject: it did not happen, leave it",
    respond: "Respond: it happened, record this result",
  },
  compensate: { approve: "Approve: undo it", reject: "Reject: leave it" },
};
const ORIGINS = {
  person: "from the person", tool: "from", document: "from a document",
  default: "default", model: "from the model",
};
const BEAT_MS = 20000;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined) made.append(child); // a string becomes a text node
  }
  return made;
}

function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 90) return `${s} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

function clock(ms) {
  return ms === null ? "" : new Date(ms).toLocaleString();
}

function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

// The JSON Schema of one argument, with a reference or an optional one looked through.
function schemaOf(card, name, value) {
  const resolve = (s) => {
    if (s && s.$ref) return resolve((card.schema.$defs || {})[s.$ref.split("/").pop()]);
    const some = s && (s.anyOf || s.oneOf);
    if (!some) return s || {};
    const real = some.map(resolve).filter((one) => one.type !== "null");
    return real.length === 1 ? real[0] : {};
  };
  const found = resolve(((card.schema || {}).properties || {})[name]);
  if (found.type || found.enum) return found;
  const kind = typeof value;
  return { type: { string: "string", number: "number", boolean: "boolean" }[kind] || "json" };
}

function input(card, name, value, locked) {
  const schema = schemaOf(card, name, value);
  const common = {
    "data-arg": name, "aria-label": name, disabled: locked, title: schema.description,
  };
  if (schema.enum) {
    return element("select", common,
      schema.enum.map((one) => element("option", { value: JSON.stringify(one),
        selected: JSON.stringify(one) === JSON.stringify(value) }, shown(one))));
  }
  if (schema.type === "boolean") {
    return element("input", { ...common, type: "checkbox", checked: value === true });
  }
  if (schema.type === "integer" || schema.type === "number") {
    return element("input", { ...common, type: "number", value: value ?? "",
      step: schema.type === "integer" ? "1" : "any", min: schema.minimum, max: schema.maximum });
  }
  if (schema.type === "string") {
    const text = value ?? "";
    if (text.length > 60 || text.includes("\n")) {
      const area = element("textarea", common);
      area.value = text;
      return area;
    }
    return element("input", { ...common, type: "text", value: text });
  }
  const area = element("textarea", { ...common, "data-json": true, spellcheck: "false" });
  area.value = JSON.stringify(value, null, 1);
  return area;
}

// What an input holds now; throws where it is no value of its type.
function valueOf(field) {
  if (field.tagName === "SELECT") return JSON.parse(field.value);
  if (field.type === "checkbox") return field.checked;
  if (field.type === "number") {
    if (field.value === "" || !field.checkValidity()) throw new Error("is no fitting number");
    return Number(field.value);
  }
  if (field.dataset.json !== undefined) {
    try {
      return JSON.parse(field.value);
    } catch {
      throw new Error("is no JSON");
    }
  }
  return field.value;
}

function argumentsOf(card, locked) {
  const origins = {};
  for (const p of card.provenance) {
    const name = p.argument.split(/[. ]/)[0];
    (origins[name] ||= []).push(p);
  }
  const rows = Object.entries(card.args).map(([name, value]) => {
    const badges = (origins[name] || []).map((p) => {
      const more = p.source ? ` ${p.source}` : "";
      const path = p.argument === name ? "" : `${p.argument}: `;
      return element("span",
        { class: `pm-badge${p.origin === "document" ? " pm-warn" : ""}` },
        path + (ORIGINS[p.origin] || p.origin) + more);
    });
    return [element("label", {}, name),
      element("div", { class: "pm-value" }, input(card, name, value, locked), badges)];
  });
  return element("div", { class: "pm-args" }, rows);
}

function changesOf(card) {
  const lines = card.changes.map((c) => element("div", { class: "pm-change" },
    `${c.what}: `, element("del", {}, shown(c.before)), " → ", element("ins", {}, shown(c.after))));
  if (card.preview) lines.push(element("div", { class: "pm-preview" }, card.preview));
  return lines;
}

function facts(card) {
  const cost = card.usd === null ? "cost unknown" : `$${card.usd.toFixed(4)} so far`;
  const parts = [`run ${card.run.slice(0, 8)}`, `thread ${card.thread}`, cost, `rule ${card.rule}`];
  if (card.reviewers.length) parts.push(`for ${card.reviewers.join(", ")}`);
  if (card.approvals > 1) {
    const who = card.votes.length ? ` (${card.votes.join(", ")})` : "";
    parts.push(`${card.votes.length} of ${card.approvals} approvals${who}`);
  }
  return parts.join(" · ");
}

class Inbox {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.cards = new Map(); // ticket id -> { data, node }
    this.waiting = new Map(); // nonce -> ticket id
    this.by = element("input", { "data-field": "by", type: "text", "aria-label": "Your name",
      placeholder: "your name", value: model.get("by") });
    this.title = element("b");
    this.error = element("div", { class: "pm-error", role: "alert" });
    this.list = element("div");
    root.classList.add("pm-inbox");
    root.append(element("div", { class: "pm-head" }, this.title,
      element("label", {}, "Decide as", this.by)), this.error, this.list);
  }

  update() {
    const data = this.model.get("cards");
    const open = data.filter((card) => card.status === "pending").length;
    const looked = this.model.get("looked");
    this.title.textContent =
      `${this.model.get("team")}: ` + (looked ? `${open} waiting for a person` : "looking…");
    const seen = new Set();
    data.forEach((card, n) => {
      seen.add(card.id);
      const before = this.cards.get(card.id);
      const text = JSON.stringify(card);
      let entry = before;
      if (!before || before.text !== text) {
        entry = { text, node: this.draw(card, before && before.node) };
        if (before) before.node.replaceWith(entry.node);
        this.cards.set(card.id, entry);
      }
      if (this.list.children[n] !== entry.node) {
        this.list.insertBefore(entry.node, this.list.children[n] || null);
      }
    });
    for (const [id, entry] of this.cards) {
      if (!seen.has(id)) {
        entry.node.remove();
        this.cards.delete(id);
      }
    }
    this.tick();
  }

  draw(card, before) {
    const locked = card.status !== "pending";
    const node = element("div", { class: "pm-card", "data-ticket": card.id, "data-kind": card.kind,
      "data-status": card.status, "data-stakes": card.stakes });
    const what = { ambiguous: "did it happen?", compensate: "undo?" }[card.kind] || "";
    node.append(
      element("div", { class: "pm-title" }, element("b", {}, `${card.specialist}: ${card.tool}`),
        what ? element("span", { class: "pm-badge pm-warn" }, what) : null,
        element("span", { class: "pm-badge" }, `${card.stakes} stakes`),
        locked ? null : element("span", { class: "pm-dim pm-right", "data-created": card.created,
          "data-expires": card.expires ?? "" })),
      element("div", { class: "pm-why" }, card.reason),
      ...changesOf(card), argumentsOf(card, locked), element("div", { class: "pm-dim" }, facts(card)));
    if (locked) {
      const when = card.decided ? ` on ${clock(card.decided)}` : "";
      const why = card.decision_reason ? `: ${card.decision_reason}` : "";
      const who = card.by ? `${card.decision} by ${card.by}${when}${why}` : "";
      node.append(element("div", { class: "pm-decided" },
        [card.status, who, card.outcome].filter(Boolean).join(" — ")));
    } else {
      node.append(...this.actions(card, node));
      if (before) keep(before, node);
    }
    node.append(element("div", { class: "pm-error", role: "alert" }));
    return node;
  }

  actions(card, node) {
    const words = KINDS[card.kind] || KINDS.action;
    const button = (name, type, text, go = false) => element("button",
      { type: "button", "aria-label": name, class: go ? "pm-go" : undefined,
        onclick: () => this.decide(card, node, type) }, text);
    const field = (name, placeholder) => element("input",
      { type: "text", "data-field": name, "aria-label": placeholder, placeholder });
    const edits = card.kind === "action" || card.kind === "release";
    const rows = [element("div", { class: "pm-acts" },
      button("Approve", "approve", words.approve, true),
      edits ? button("Edit", "edit", "Edit: approve with these changes") : null)];
    rows.push(element("div", { class: "pm-acts" }, field("reason", "reason"),
      button("Reject", "reject", words.reject)));
    if (words.respond) {
      rows.push(element("div", { class: "pm-acts" },
        field("text", card.kind === "ambiguous" ? "its result" : "answer instead"),
        button("Respond", "respond", words.respond)));
    }
    rows.push(element("div", { class: "pm-acts" }, field("to", "another reviewer"),
      button("Escalate", "escalate", "Escalate")));
    return rows;
  }

  decide(card, node, type) {
    const say = (text) => { node.querySelector(".pm-error").textContent = text; };
    const field = (name) => node.querySelector(`[data-field="${name}"]`).value.trim();
    const by = this.by.value.trim();
    this.error.textContent = "";
    say("");
    if (!by) {
      this.error.textContent = "Who decides? Give your name first.";
      this.by.focus();
      return;
    }
    const said = { ticket: card.id, type, by };
    if (type === "approve") said.digest = card.shows;
    if (type === "edit") {
      said.args = {};
      for (const one of node.querySelectorAll("[data-arg]")) {
        const name = one.dataset.arg;
        try {
          const value = valueOf(one);
          if (JSON.stringify(value) !== JSON.stringify(card.args[name])) said.args[name] = value;
        } catch (error) {
          say(`${name} ${error.message}.`);
          return;
        }
      }
      if (!Object.keys(said.args).length) return say("Change an argument first, or approve.");
    }
    if (type === "reject") said.reason = field("reason");
    if (type === "reject" && !said.reason) return say("Give a reason: the specialist sees it.");
    if (type === "respond") {
      said.text = field("text");
      if (!said.text) return say("Write the answer first.");
    }
    if (type === "escalate") {
      said.to = field("to");
      if (!said.to) return say("Name who shall decide instead.");
      said.reason = field("reason");
    }
    said.nonce = `${Date.now()}-${Math.random()}`;
    this.waiting.set(said.nonce, card.id);
    busy(node, true);
    this.send("decision", said, say);
  }

  send(name, value, say) {
    try {
      this.model.set(name, value);
      this.model.save_changes();
    } catch {
      say("Not connected to the kernel: run this cell again. Nothing was changed.");
    }
  }

  told() {
    const told = this.model.get("told");
    const ticket = this.waiting.get(told.nonce);
    if (!ticket) return;
    this.waiting.delete(told.nonce);
    const entry = this.cards.get(ticket);
    if (!entry) return;
    busy(entry.node, false);
    entry.node.querySelector(":scope > .pm-error").textContent = told.error;
  }

  tick() {
    for (const one of this.root.querySelectorAll("[data-created]")) {
      const now = Date.now();
      const left = one.dataset.expires ? Number(one.dataset.expires) - now : null;
      one.textContent = `waiting ${span(now - Number(one.dataset.created))}` +
        (left === null ? "" : left > 0 ? ` · expires in ${span(left)}` : " · time is up");
    }
  }

  beat() {
    this.send("beat", Date.now() % 2147483647, (text) => { this.error.textContent = text; });
  }
}

function busy(node, on) {
  for (const button of node.querySelectorAll("button")) button.disabled = on;
}

// What the person has typed survives a change of the ticket.
function keep(before, after) {
  for (const old of before.querySelectorAll("[data-field], [data-arg]")) {
    const name = old.dataset.field ? `[data-field="${old.dataset.field}"]`
      : `[data-arg="${CSS.escape(old.dataset.arg)}"]`;
    const now = after.querySelector(name);
    const typed = old.value !== old.defaultValue && old.defaultValue !== undefined;
    if (now && typed && old.tagName === now.tagName && old.type !== "checkbox") now.value = old.value;
  }
}

function render({ model, el }) {
  const inbox = new Inbox(model, el);
  const update = () => inbox.update();
  const told = () => inbox.told();
  model.on("change:cards", update);
  model.on("change:looked", update);
  model.on("change:told", told);
  update();
  inbox.beat();
  const beat = setInterval(() => inbox.beat(), BEAT_MS);
  const tick = setInterval(() => inbox.tick(), 1000);
  return () => {
    clearInterval(beat);
    clearInterval(tick);
    model.off("change:cards", update);
    model.off("change:looked", update);
    model.off("change:told", told);
  };
}

export default { render };
