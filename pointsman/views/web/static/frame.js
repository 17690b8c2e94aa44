// What stands around every page: the ways, who is signed in, and whether the line is up.

import { announce, drawn, element, link, write } from "./dom.js";
import { time } from "./format.js";
import * as theme from "./theme.js";

const ICONS = {
  now: "M3 12h4l3-8 4 16 3-8h4",
  inbox: "M4 13l3-9h10l3 9v7H4zM4 13h5l1.5 3h3L15 13h5",
  runs: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  team: "M12 4v5M12 9l-6 6M12 9l6 6M6 15v5M18 15v5M12 9v11",
  costs: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  evals: "M4 12l5 5L20 6",
};
export const PAGES = [["now", "Now"], ["inbox", "Inbox"], ["runs", "Runs"], ["team", "Team"],
  ["costs", "Costs"], ["evals", "Evals"]];
const LINE = { opening: "connecting", open: "live", lost: "not live" };

function icon(name) {
  return drawn("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, drawn("path", { d: ICONS[name] }));
}

export class Frame {
  constructor(session, feed, leave) {
    this.feed = feed;
    this.waiting = element("span", { class: "bubble" });
    this.links = new Map(PAGES.map(([page, name]) => [page, link(`/${page}`, {}, icon(page),
      element("span", {}, name), page === "inbox" ? this.waiting : null)]));
    this.line = element("span", { class: "line", title: "Whether this page hears what happens" },
      element("span"));
    this.lost = element("p", { class: "lost", role: "alert", hidden: true });
    this.main = element("main", { id: "main", tabindex: "-1" }, this.lost);
    this.node = element("div", { class: "frame" },
      element("header", { class: "side" }, element("div", { class: "side-in" },
        link("/now", { class: "brand" }, element("img", { src: "/static/icon.svg", alt: "" }),
          element("span", {}, element("b", {}, "pointsman"), element("span", {}, session.team))),
        element("nav", { class: "ways", "aria-label": "Pages" }, [...this.links.values()]),
        this.foot(session, leave))), this.main);
    this.show(feed.state);
    feed.on("state", (state) => this.show(state));
  }

  foot(session, leave) {
    const name = element("span");
    const button = element("button", { type: "button", class: "quiet colours" },
      element("b", { "aria-hidden": "true" }, "◐ "), name);
    const named = ({ label }) => {
      write(name, label);
      button.setAttribute("aria-label", `Colours: ${label}. Change`);
    };
    named(theme.current());
    button.addEventListener("click", () => named(theme.next()));
    return element("div", { class: "foot" }, this.line,
      element("div", { class: "who" }, element("b", {}, session.name),
        element("span", { class: "soft" }, [session.role, session.tenant].filter(Boolean).join(" · "))),
      element("div", { class: "foot-row" }, button,
        element("button", { type: "button", class: "quiet", onclick: leave }, "Sign out")));
  }

  at(page) {
    for (const [name, node] of this.links) {
      if (name === page) node.setAttribute("aria-current", "page");
      else node.removeAttribute("aria-current");
    }
  }

  show(state) {
    document.documentElement.dataset.line = state;
    this.line.dataset.state = state;
    write(this.line.firstChild, LINE[state]);
    const lost = state === "lost";
    if (lost && this.lost.hidden) {
      this.lost.replaceChildren("Connection lost at ", time(this.feed.since, "clock"),
        ". What you see is as of then. Trying again…");
    }
    if (!lost && !this.lost.hidden) announce("Connected again.");
    this.lost.hidden = !lost;
  }

  count(waiting) {
    write(this.waiting, waiting ? String(waiting) : "");
    this.waiting.setAttribute("aria-label", waiting ? `${waiting} waiting` : "");
  }
}
