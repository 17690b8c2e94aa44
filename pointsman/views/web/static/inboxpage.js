// The inbox: the notebook's own cards, over fetch and the feed instead of a kernel.

import cards from "./inbox.js";
import { announce, element, failed, loading } from "./dom.js";
import { Model } from "./model.js";

export function open(context) {
  return new InboxPage(context);
}

class InboxPage {
  constructor({ feed, session }) {
    this.title = "Inbox";
    this.keep = true; // what is typed into a card stays when another page is looked at
    this.model = new Model({ by: session.name, team: session.team });
    this.list = element("div", { class: "pm-host" });
    this.trouble = element("div", {}, loading("tickets"));
    const may = session.scopes.includes("decide");
    this.node = element("div", { class: may ? "page-inbox" : "page-inbox read-only" },
      element("div", { class: "top" }, element("h1", {}, "Inbox"),
        element("span", { class: "right soft small" }, may ? `You decide as ${session.name}.`
          : "You may look and not decide: your role is viewer.")),
      this.trouble, this.list);
    this.model.set("readonly", !may);
    this.model.set("runs", "#/runs/");
    this.end = cards.render({ model: this.model, el: this.list });
    this.ends = [feed.on("ticket", () => this.read()), feed.on("again", () => this.read())];
    this.read();
  }

  async read() {
    const before = this.model.waiting;
    try {
      await this.model.read();
      this.trouble.replaceChildren();
    } catch (error) {
      this.trouble.replaceChildren(failed(error, () => this.read()));
      return;
    }
    const { waiting } = this.model;
    if (before !== null && waiting > before) announce(`${waiting} waiting for a person.`);
  }

  shown() {
    this.read();
  }

  leave() {
    this.end();
    for (const end of this.ends) end();
  }
}
