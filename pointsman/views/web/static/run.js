// One run: what was asked and answered, its graph, and its timeline to step through.

import { get, post } from "./api.js";
import { announce, element, failed, link, loading, panel } from "./dom.js";
import { ago, money, percent, plural, seconds, time } from "./format.js";
import { note, runWay, way } from "./routes.js";
import { RunParts } from "./runparts.js";
import { RunGraph } from "./rungraph.js";
import { stepDetail } from "./stepdetail.js";
import { Timeline } from "./timeline.js";
import { runLink, state } from "./words.js";

const LIVE_MS = 400; // events come in bursts

export function open(context, route) {
  return new Run(context, route);
}

class Run {
  constructor(context, route) {
    this.context = context;
    [this.run] = route.rest;
    this.title = "Run";
    this.page = null;
    this.following = !route.query.has("step"); // shows the last step as it comes
    this.index = Number(route.query.get("step") ?? -1);
    this.head = element("div", {}, loading("the run"));
    this.trouble = element("div");
    this.graph = new RunGraph((index) => this.step(index));
    this.timeline = new Timeline((index) => this.step(index));
    this.detail = element("div", { class: "detail" });
    this.parts = new RunParts(context, (index) => this.step(index, true));
    this.body = element("div", { hidden: true }, this.stepping(), this.parts.node);
    this.node = element("div", { class: "page-run" }, this.head, this.trouble, this.body);
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.narrow = matchMedia("(max-width: 639px)");
    this.onWidth = () => this.redraw();
    this.narrow.addEventListener("change", this.onWidth);
    this.ends = [context.feed.on("run", (news) => news.run === this.run && this.soon()),
      context.feed.on("ticket", () => this.soon()), context.feed.on("again", () => this.read())];
    this.read();
  }

  stepping() {
    return element("div", { class: "stepping" },
      panel("Graph", { class: "panel graph-panel" },
        element("div", { class: "graph-scroll", tabindex: "0", role: "group", "aria-label": "Graph of the run" },
          this.graph.node)),
      element("div", { class: "steps-and-detail" },
        panel("Timeline", { class: "panel timeline-panel" }, this.timeline.node),
        panel("This step", { class: "panel detail-panel" }, this.detail)));
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), LIVE_MS);
  }

  async read() {
    try {
      const page = await get(`/console/runs/${encodeURIComponent(this.run)}`);
      this.trouble.replaceChildren();
      this.show(page);
    } catch (error) {
      if (this.page) this.trouble.replaceChildren(failed(error, () => this.read()));
      else this.head.replaceChildren(failed(error, () => this.read()), link("/runs", {}, "All runs"));
    }
  }

  show(page) {
    const text = JSON.stringify(page);
    if (text === this.text) return; // nothing is new: nothing moves
    this.text = text;
    const first = this.page === null;
    this.page = page;
    this.title = `Run: ${page.line.text.slice(0, 60)}`;
    if (first) this.context.retitle(this.title);
    this.head.replaceChildren(...this.heading(page));
    this.body.hidden = false;
    this.graph.show(page);
    this.timeline.show(page.steps);
    this.parts.show(page);
    const last = page.steps.length - 1;
    this.go(this.following ? last : Math.min(Math.max(0, this.index), last), false);
  }

  redraw() {
    if (!this.page) return;
    this.graph.show(this.page);
    this.graph.at(this.index);
  }

  heading({ line, text, answer, by, route, route_tier: tier, route_confidence: sure, ...page }) {
    const facts = [["Specialist", line.specialist || "none"],
      ["Routed", [route || "nowhere", tier && `by ${tier}`, sure === null ? "" : percent(sure)].filter(Boolean).join(" ")],
      ["Cost", money(line.usd)], ["Time", seconds(line.seconds)],
      ["Model calls", `${line.calls}${page.cache_hits ? ` and ${page.cache_hits} from the cache` : ""}`],
      ["Thread", link(way("runs", [], { thread: line.thread }), { class: "said" }, line.thread)],
      ["Tenant", line.tenant], ["Release", line.release], ["Begun", time(line.created)],
      ["Parent", line.parent ? runLink(line.parent) : ""],
      ["Attempt", page.attempt > 1 ? String(page.attempt) : ""],
      ["Cancelled by", page.cancelled_by], ["Given up by", page.dropped], ["Error", line.error]]
      .filter(([, value]) => value);
    return [
      element("p", { class: "small" }, link("/runs", {}, "Runs"), " / ", element("span", { class: "code" }, this.run)),
      element("div", { class: "top" }, element("h1", { class: "said" }, line.text || "(no text)"),
        state(line.state), element("span", { class: "soft small" }, ago(line.created)),
        element("span", { class: "right" }, this.acts(page.can))),
      element("dl", { class: "facts" }, facts.map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", { class: "said" }, value)))),
      element("div", { class: "asked-answered" },
        text !== line.text ? panel("Request", {}, element("p", { class: "said" }, text)) : null,
        answer ? panel("Answer", {}, element("p", { class: "said" }, answer),
          by ? element("p", { class: "soft small" }, `written by ${by === "model" ? "the model" : by}`) : null)
          : null)];
  }

  acts(can) {
    const run = encodeURIComponent(this.run);
    const words = { cancel: "Cancel", redrive: "Drive again", drop: "Give up" };
    return [
      ...Object.entries(words).filter(([name]) => can.includes(name)).map(([name, word]) =>
        element("button", { type: "button", onclick: (event) => this.act(name, event.target) }, word)),
      can.includes("fork") ? element("button", { type: "button", onclick: () => this.fork() }, "Fork…") : null,
      link(way("compare", [], { a: this.run }), { class: "button" }, "Compare"),
      element("a", { class: "button", href: `/console/runs/${run}/export`, download: `run-${this.run}.html` },
        "Export"),
    ];
  }

  async act(name, button) {
    button.disabled = true;
    try {
      const done = await post(`/console/runs/${encodeURIComponent(this.run)}/${name}`, {});
      announce(done.words || `The run is ${done.state}.`);
      this.trouble.replaceChildren();
      this.soon();
    } catch (error) {
      this.trouble.replaceChildren(failed(error));
    } finally {
      button.disabled = false;
    }
  }

  async fork() {
    const { forkForm } = await import("./fork.js");
    this.trouble.replaceChildren(forkForm(this.page, this.index, () => this.trouble.replaceChildren()));
  }

  // Stepping

  key(event) {
    const busy = event.target.closest?.("input, textarea, select, [contenteditable], dialog");
    if (busy || event.altKey || event.ctrlKey || event.metaKey || !this.page) return;
    const inGraph = event.target.closest?.(".graph-scroll, .wide, .diff");
    const to = { j: 1, k: -1, ...(inGraph ? {} : { ArrowRight: 1, ArrowLeft: -1 }) }[event.key];
    const end = { Home: 0, End: this.page.steps.length - 1 }[event.key];
    if (to === undefined && (end === undefined || !event.target.closest?.(".timeline-panel"))) return;
    event.preventDefault();
    this.step(to === undefined ? end : this.index + to);
  }

  step(index, scroll = false) {
    const last = this.page.steps.length - 1;
    const to = Math.min(Math.max(0, index), last);
    this.following = to === last && this.page.line.state === "running";
    this.go(to, true);
    note(runWay(this.run, { step: to }));
    if (scroll) this.timeline.node.scrollIntoView({ block: "nearest" });
  }

  go(index, chosen) {
    this.index = index;
    if (index < 0) return;
    this.graph.at(index);
    this.timeline.at(index, chosen);
    const key = `${index}:${this.text.length}`;
    if (key === this.detailKey) return;
    this.detailKey = key;
    this.detail.replaceChildren(...stepDetail(this.page, index));
    if (chosen) announce(`Step ${index + 1} of ${plural(this.page.steps.length, "step")}: ` +
      `${this.page.steps[index].label}, ${this.page.steps[index].words}`);
  }

  leave() {
    clearTimeout(this.timer);
    document.removeEventListener("keydown", this.onKey);
    this.narrow.removeEventListener("change", this.onWidth);
    this.parts.leave();
    for (const end of this.ends) end();
  }
}
