// Now: what runs, what waits, what broke and what it costs; live.

import { get } from "./api.js";
import { element, empty, failed, link, loading, panel, replace, table, write } from "./dom.js";
import { ago, count, money, plural, seconds, span, time } from "./format.js";
import { way } from "./routes.js";
import { light, runLine, runLink, SIGNS } from "./words.js";

const NEWS = 40;

export function open(context) {
  return new Now(context);
}

// A figure with its name; `tone` says whether it is one to look at.
class Tile {
  constructor(name, to) {
    this.value = element("b", { class: "figure" }, "–");
    this.about = element("span", { class: "tile-about" }, "\u00a0");
    const inside = [element("span", { class: "tile-name" }, name), this.value, this.about];
    this.node = element("li", {}, to ? link(to, { class: "tile" }, inside)
      : element("div", { class: "tile" }, inside));
  }

  show(value, about, tone = "") {
    write(this.value, value);
    write(this.about, about || "\u00a0");
    this.node.firstChild.dataset.tone = tone;
  }
}

function faults(number) {
  return element("td", { class: "number", "data-tone": number ? "bad" : null },
    number ? `${SIGNS.bad} ${count(number)}` : "0");
}

class Now {
  constructor({ feed }) {
    this.title = "Now";
    this.tiles = {
      flight: new Tile("In flight", way("runs", [], { state: "running" })),
      waiting: new Tile("Waiting", "/inbox"),
      queue: new Tile("Queued"),
      errors: new Tile("Model errors"),
      dead: new Tile("Dead letters", way("runs", [], { state: "failed" })),
      spend: new Tile("Spent today", "/costs"),
    };
    this.flight = element("div", { class: "held" }, loading("runs"));
    this.news = element("ol", { class: "news", tabindex: "0", "aria-label": "The latest events" });
    this.quiet = element("p", { class: "soft" }, "Nothing happened since this page was opened.");
    this.latency = element("div", {}, loading("figures"));
    this.models = element("div", {}, loading("figures"));
    this.lights = element("div", {}, loading("breakers"));
    this.tenants = element("div", {}, loading("figures"));
    this.asOf = element("span", { class: "small soft" });
    this.trouble = element("div");
    this.node = this.drawn();
    this.ends = [feed.on("overview", (data) => this.show(data)), feed.on("again", () => this.read()),
      feed.on("run", (data) => this.hear(data))];
    this.read();
  }

  drawn() {
    return element("div", { class: "page-now live-figures" },
      element("div", { class: "top" }, element("h1", {}, "Now"),
        element("span", { class: "right" }, this.asOf)), this.trouble,
      element("ul", { class: "tiles", "aria-label": "Figures" },
        Object.values(this.tiles).map((tile) => tile.node)),
      element("div", { class: "columns" },
        panel("Runs in flight", {}, this.flight),
        panel("What happens", {}, element("div", { class: "held" }, this.quiet, this.news))),
      element("div", { class: "columns" },
        panel("Specialists, last hour", {}, this.latency),
        panel("Models, last hour", {}, this.models)),
      element("div", { class: "columns" },
        panel("Circuit breakers", {}, this.lights),
        panel("Spent today", {}, this.tenants)));
  }

  async read() {
    try {
      this.show(await get("/console/overview"));
      this.trouble.replaceChildren();
    } catch (error) {
      this.trouble.replaceChildren(failed(error, () => this.read()));
    }
  }

  show(data) {
    const { tiles } = this;
    tiles.flight.show(count(data.runs.running ?? 0), `${count(data.runs.done ?? 0)} done today`);
    tiles.waiting.show(count(data.waiting),
      data.oldest_wait === null ? "for a person" : `oldest ${span(data.oldest_wait)}`, data.waiting ? "warn" : "");
    tiles.queue.show(count(data.queued),
      data.oldest_queued === null ? "for their turn" : `oldest ${span(data.oldest_queued)}`);
    tiles.errors.show(count(data.errors), "last hour",
      data.errors ? "bad" : "");
    tiles.dead.show(count(data.dead), "failed for good", data.dead ? "bad" : "");
    tiles.spend.show(money(data.usd_today),
      data.unpriced_today ? `and ${plural(data.unpriced_today, "unpriced call")}` : "all tenants");
    this.asOf.replaceChildren("as of ", time(data.at, "clock"));
    replace(this.flight, data.flight.length
      ? element("ul", { class: "runs" }, data.flight.map((line) => runLine(line)))
      : empty("Nothing is running", "What runs next appears here by itself. Try ",
        element("code", {}, "pointsman ask"), "."));
    replace(this.latency, this.slow(data.latency));
    replace(this.models, this.called(data.models));
    replace(this.lights, this.lit(data.lights));
    replace(this.tenants, this.spent(data.tenants));
  }

  slow(lines) {
    if (!lines.length) return empty("No run ended within the last hour");
    const most = Math.max(...lines.map((line) => line.p95 ?? 0), 0.001);
    return table("Time per specialist", ["Specialist", { text: "runs", number: true },
      { text: "failed", number: true }, { text: "p50", number: true }, { text: "p95", number: true },
      { text: "p95 drawn", hidden: true }],
    lines.map((line) => element("tr", {}, element("th", { scope: "row" }, line.specialist),
      element("td", { class: "number" }, count(line.runs)), faults(line.failed),
      element("td", { class: "number" }, seconds(line.p50)),
      element("td", { class: "number" }, seconds(line.p95)),
      element("td", { class: "bars" },
        element("meter", { min: "0", max: most, value: line.p95 ?? 0, "aria-label": "p95" })))));
  }

  called(lines) {
    if (!lines.length) return empty("No model was called within the last hour");
    return table("Calls per model", ["Model", { text: "calls", number: true },
      { text: "errors", number: true }, { text: "p50", number: true }, { text: "p95", number: true }],
    lines.map((line) => element("tr", {}, element("th", { scope: "row" }, line.model,
      Object.entries(line.classes).map(([name, times]) =>
        element("span", { class: "under soft small" }, `${name} ×${count(times)}`))),
    element("td", { class: "number" }, count(line.calls)), faults(line.errors),
    element("td", { class: "number" }, seconds(line.p50)), element("td", { class: "number" }, seconds(line.p95)))));
  }

  lit(lights) {
    if (!lights.length) return empty("No breaker has moved", "Each one lets calls through.");
    return element("ul", { class: "lights" }, lights.map((one) => element("li", {},
      light(one.state), element("span", {}, element("b", {}, one.key), ` ${one.of}`),
      one.at === null ? null : element("span", { class: "soft small" }, ago(one.at)))));
  }

  spent(tenants) {
    if (!tenants.length) return empty("Nothing was spent today");
    return table("Spent per tenant", ["Tenant", { text: "calls", number: true },
      { text: "cost", number: true }],
    tenants.map((one) => element("tr", {}, element("th", { scope: "row" }, one.tenant),
      element("td", { class: "number" }, count(one.calls)),
      element("td", { class: "number" }, money(one.usd)))));
  }

  hear(news) {
    this.quiet.hidden = true;
    this.news.prepend(element("li", { class: "fresh", "data-tone": news.tone },
      element("span", { class: "soft small" }, time(news.at, "clock")),
      element("b", { class: "news-label" }, news.label),
      runLink(news.run, news.line?.text.slice(0, 80)),
      element("span", { class: "said" }, news.words)));
    while (this.news.children.length > NEWS) this.news.lastChild.remove();
  }

  leave() {
    for (const end of this.ends) end();
  }
}
