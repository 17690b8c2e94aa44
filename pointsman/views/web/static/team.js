// The team: its graph with live counts, contracts, who answers for what, releases, prompts.

import { get } from "./api.js";
import { element, empty, failed, loading, panel, table } from "./dom.js";
import { ago, percent, short } from "./format.js";
import { json } from "./stepdetail.js";
import { TeamGraph } from "./teamgraph.js";
import { badge } from "./words.js";

const LIVE_MS = 2000;

export function open(context) {
  return new TeamPage(context);
}

class TeamPage {
  constructor({ feed }) {
    this.title = "Team";
    this.graph = new TeamGraph();
    this.body = element("div", {}, loading("the team"));
    this.node = element("div", { class: "page-team" }, this.body);
    this.counted = "";
    this.ends = [feed.on("overview", ({ edges }) => this.count(edges)), feed.on("again", () => this.read())];
    this.narrow = matchMedia("(max-width: 639px)");
    this.onWidth = () => this.page && this.graph.show(this.page);
    this.narrow.addEventListener("change", this.onWidth);
    this.read();
  }

  async read() {
    try {
      this.page = await get("/console/team");
    } catch (error) {
      this.body.replaceChildren(failed(error, () => this.read()));
      return;
    }
    this.show(this.page);
  }

  shown() {
    if (this.page) this.graph.show(this.page);
  }

  // Today's counts, as the feed tells them.
  count(edges) {
    const text = JSON.stringify(edges);
    if (!this.page || text === this.counted || Date.now() - (this.at ?? 0) < LIVE_MS) return;
    this.counted = text;
    this.at = Date.now();
    const name = (one) => JSON.stringify([one.frm, one.to]);
    const known = new Map(edges.map((one) => [name(one), one.count]));
    const drawn = new Set(this.page.ways.map(name));
    if (edges.some((one) => !drawn.has(name(one)))) {
      this.read(); // a way that nothing went before: the page says what is at its ends
      return;
    }
    this.page.ways = this.page.ways.map((one) => ({ ...one, count: known.get(name(one)) ?? 0 }));
    this.graph.show(this.page);
  }

  show(page) {
    const host = element("div", { class: "graph-scroll", tabindex: "0", role: "group",
      "aria-label": "Graph of the team" }, this.graph.node);
    this.body.replaceChildren(
      element("div", { class: "top" }, element("h1", {}, `Team ${page.name}`)),
      panel("Graph", {}, element("p", { class: "soft small" },
        "Figures: how often work went this way today. Dashed: allowed, and not used today."), host,
      element("details", { class: "raw" }, element("summary", {}, "The picture that the command line draws"),
        element("img", { class: "picture", alt: `Picture of team ${page.name}`,
          src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(page.svg)}` }))),
      panel("Specialists and their contracts", {}, element("div", { class: "scheme" },
        page.specialists.map((one) => this.contract(one)))),
      ...page.tables.map((one) => this.table(one)),
      panel("Releases", {}, this.channels(page), this.releases(page.releases)),
      panel("Prompts", {}, this.prompts(page.prompts)));
    this.graph.show(page);
  }

  contract(one) {
    const rows = [["Works as", one.works_as], ["Owns", one.owns.join(", ")], ["Tools", one.tools.join(", ")],
      ["Prompt", one.prompt], ["Fallback", one.fallback ? "rules, when no model answers" : ""]];
    return element("article", { class: "contract", "aria-label": one.name }, element("h3", {}, one.name),
      element("p", { class: "said" }, one.handles),
      element("dl", { class: "pairs" }, rows.filter(([, value]) => value).map(([name, value]) =>
        [element("dt", {}, name), element("dd", { class: "said" }, value)])),
      this.schema("Takes", one.takes), this.schema("Gives", one.gives));
  }

  schema(title, schema) {
    if (schema === null || schema === undefined) {
      return element("p", { class: "small soft" }, `${title}: text`);
    }
    return element("details", { class: "raw" }, element("summary", {}, `${title}: JSON`), json(schema));
  }

  table({ title, columns, rows, note }) {
    return panel(title, {}, note ? element("p", { class: "soft small said" }, note) : null,
      rows.length ? table(title, columns, rows.map((row) => element("tr", {},
        row.map((cell, n) => element(n ? "td" : "th", { class: "said", scope: n ? null : "row" }, cell)))))
        : empty("Nothing here"));
  }

  channels(page) {
    const share = page.canary ? ` (${percent(page.share)} of threads)` : "";
    const rows = [["Production", page.production], ["Canary", page.canary && `${page.canary}${share}`],
      ["Staging", page.staging]].filter(([, value]) => value);
    if (!rows.length) {
      return element("p", {}, "No release is in production: runs take the files as they are.");
    }
    return element("dl", { class: "facts" }, rows.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", { class: "said" }, value))));
  }

  releases(lines) {
    if (!lines.length) return null;
    return table("Releases, newest first", ["When", "What", "Release", "Channel", "By", "Why"],
      lines.map((one) => element("tr", {}, element("td", {}, ago(one.at)), element("td", {}, one.action),
        element("td", { class: "code", title: one.release }, short(one.release)),
        element("td", {}, one.channel, one.share ? ` ${percent(one.share)}` : ""),
        element("td", { class: "said" }, one.by),
        element("td", { class: "said" }, [one.reason, one.gate].filter(Boolean).join(" · ")))));
  }

  prompts(lines) {
    if (!lines.length) return empty("No prompt file");
    return table("Prompts", ["Prompt", "Version", "In production", "State"], lines.map((one) =>
      element("tr", {}, element("th", { scope: "row", class: "said" }, one.name),
        element("td", { class: "code", title: one.version }, short(one.version)),
        element("td", { class: "code", title: one.released }, one.released ? short(one.released) : "–"),
        element("td", {}, one.released
          ? badge(one.changed ? ["▲", "changed since", "warn"] : ["✓", "the same", "good"]) : "not released"))));
  }

  leave() {
    this.narrow.removeEventListener("change", this.onWidth);
    for (const end of this.ends) end();
  }
}
