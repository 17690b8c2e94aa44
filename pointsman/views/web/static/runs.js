// Runs: found by text, thread, specialist, state, cost and time; page after page.

import { get } from "./api.js";
import { announce, element, empty, failed, link, loading } from "./dom.js";
import { plural } from "./format.js";
import { go, way } from "./routes.js";
import { RunFilter } from "./runfilter.js";
import { runLine } from "./words.js";

const PAGE = 50;

export function open(context, route) {
  return new Runs(context, route);
}

class Runs {
  constructor({ feed }, route) {
    this.title = "Runs";
    this.next = null;
    this.turn = 0;
    this.filter = new RunFilter(() => this.filtered());
    this.list = element("ul", { class: "runs", "aria-label": "Runs found" });
    this.told = element("p", { class: "soft small", role: "status" });
    this.fresh = element("button", { type: "button", hidden: true, onclick: () => this.read() },
      "There are newer runs. Show them");
    this.more = element("button", { type: "button", hidden: true, onclick: () => this.read(this.next) },
      "Show more");
    this.body = element("div", { class: "panel results" }, this.list);
    this.compare = link("/compare", { class: "button" }, "Compare two runs");
    this.node = element("div", { class: "page-runs" },
      element("div", { class: "top" }, element("h1", {}, "Runs"),
        element("span", { class: "right" }, this.compare)),
      this.filter.node, element("div", { class: "top under" }, this.told,
        element("span", { class: "right" }, this.fresh)), this.body,
      element("div", { class: "centred" }, this.more));
    this.seen = new Map();
    this.ends = [feed.on("run", (news) => this.hear(news)), feed.on("again", () => this.read())];
    this.changed(route);
  }

  changed(route) {
    if (route.address !== this.mine) this.filter.take(route.query); // else the form says more by now
    this.mine = "";
    this.read();
  }

  filtered() {
    const to = way("runs", [], this.filter.query());
    if (`#${to}` === location.hash) return this.read();
    this.mine = `#${to}`;
    return go(to);
  }

  // The first page, or the one after `after`, which is put under what is there.
  async read(after = null) {
    this.turn += 1;
    const turn = this.turn;
    this.fresh.hidden = true;
    if (!after && !this.list.children.length) this.body.replaceChildren(loading("runs"));
    this.body.setAttribute("aria-busy", "true");
    try {
      const page = await get("/console/runs", { ...this.filter.asked(), limit: PAGE, after });
      if (turn === this.turn) this.show(page, after);
    } catch (error) {
      if (turn === this.turn) this.body.replaceChildren(failed(error, () => this.read(after)));
    } finally {
      if (turn === this.turn) this.body.removeAttribute("aria-busy");
    }
  }

  show(page, after) {
    this.filter.specialists(page.specialists);
    if (!after) {
      this.list.replaceChildren();
      this.seen.clear();
    }
    const lines = page.lines.map((line) => runLine(line));
    page.lines.forEach((line, n) => this.seen.set(line.run, lines[n]));
    this.list.append(...lines);
    this.next = page.next;
    this.more.hidden = !page.next;
    const number = this.list.children.length;
    const some = `${plural(number, "run")}${page.next ? ", and more" : ""}`;
    this.told.textContent = this.filter.any() ? `${some} found` : some;
    if (number) this.body.replaceChildren(this.list);
    else this.body.replaceChildren(this.filter.any()
      ? empty("No run is like that", "Take a word or a condition away.")
      : empty("No run yet", "What the team is asked appears here."));
    if (after) {
      announce(`${plural(lines.length, "more run")}.`);
      lines[0]?.querySelector("a").focus();
    }
  }

  // A run that is listed is kept true; a new one waits for a click, so that nothing jumps.
  hear({ run, line }) {
    if (!line) return;
    const old = this.seen.get(run);
    if (!old) {
      if (!line.parent) this.fresh.hidden = false;
      return;
    }
    const now = runLine(line);
    old.querySelector("[data-state]").replaceWith(now.querySelector("[data-state]"));
    old.querySelector(".run-facts").replaceWith(now.querySelector(".run-facts"));
  }

  leave() {
    for (const end of this.ends) end();
  }
}
