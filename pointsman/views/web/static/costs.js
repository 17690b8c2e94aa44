// Costs over time: by model, specialist or tenant; drawn, and as a table.

import { get } from "./api.js";
import { element, empty, failed, loading, panel, table } from "./dom.js";
import { count, money, moment, percent, plural } from "./format.js";
import { bars, SERIES } from "./plot.js";
import { go, way } from "./routes.js";

const DAY = 86_400_000;
const RANGES = { 1: ["24 hours", "hour"], 7: ["7 days", "day"], 14: ["14 days", "day"], 90: ["90 days", "day"] };
const BY = { model: "model", specialist: "specialist", tenant: "tenant", "": "nothing" };
const SHOWS = {
  usd: ["cost", money, (one) => one.usd ?? 0],
  calls: ["model calls", count, (one) => one.calls ?? 0],
  tokens: ["tokens", count, (one) => one.tokens ?? 0],
  errors: ["errors", count, (one) => one.errors ?? 0],
};

export function open(context, route) {
  return new Costs(context, route);
}

class Costs {
  constructor({ feed }, route) {
    this.title = "Costs";
    this.choices = { days: this.choice("Over", Object.entries(RANGES).map(([days, [name]]) => [days, name])),
      by: this.choice("Split by", Object.entries(BY)),
      show: this.choice("Show", Object.entries(SHOWS).map(([key, [name]]) => [key, name])) };
    this.body = element("div", {}, loading("costs"));
    this.node = element("div", { class: "page-costs" }, element("div", { class: "top" },
      element("h1", {}, "Costs"), element("div", { class: "right" },
        Object.values(this.choices).map((one) => one.label))), this.body);
    this.ends = [feed.on("again", () => this.read())];
    this.changed(route);
  }

  choice(name, options) {
    const select = element("select", { onchange: () => go(way("costs", [], this.query())) },
      options.map(([value, label]) => element("option", { value }, label)));
    return { select, label: element("label", { class: "field" }, name, select) };
  }

  query() {
    const { days, by, show } = this.choices;
    return { days: days.select.value, by: by.select.value || "none", show: show.select.value };
  }

  changed({ query }) {
    const by = query.get("by") === "none" ? "" : query.get("by") ?? "model";
    this.choices.days.select.value = query.get("days") in RANGES ? query.get("days") : "14";
    this.choices.by.select.value = by in BY ? by : "model";
    this.choices.show.select.value = query.get("show") in SHOWS ? query.get("show") : "usd";
    this.read();
  }

  async read() {
    const { days, by, show } = this.choices;
    const until = Date.now();
    this.turn = (this.turn ?? 0) + 1;
    const turn = this.turn;
    try {
      const page = await get("/console/costs", { since: until - Number(days.select.value) * DAY, until,
        step: RANGES[days.select.value][1], by: by.select.value });
      if (turn === this.turn) this.body.replaceChildren(...this.drawn(page, show.select.value));
    } catch (error) {
      if (turn === this.turn) this.body.replaceChildren(failed(error, () => this.read()));
    }
  }

  drawn(page, show) {
    if (!page.points.length) {
      return [element("div", { class: "panel" }, empty("No model was called in this time", "What calls cost appears here."))];
    }
    const [name, says, value] = SHOWS[show];
    const totals = sums(page.points);
    if (page.by && totals.size > 1 && !value(totals.get("") ?? {})) totals.delete(""); // runs without a call
    const order = [...totals].sort((a, b) => value(b[1]) - value(a[1])).map(([key]) => key);
    const series = new Map(order.map((key, n) => [key, Math.min(n, SERIES - 1)]));
    return [panel(`${name[0].toUpperCase()}${name.slice(1)} per ${page.step}`, {},
      bars(columns(page, series, says, value), { says, label: `${name} per ${page.step}` }),
      element("ul", { class: "legend" }, order.map((key) => element("li", { class: `series-${series.get(key)}` },
        element("i", { "aria-hidden": "true" }), page.by ? named(key) : "all", " ", element("b", {}, says(value(totals.get(key)))))))),
    panel("Together", {}, element("p", { class: "soft small" },
      `${money(page.usd)} for ${plural(page.calls, "call")}.`), this.table(totals, order, page.by))];
  }

  table(totals, order, by) {
    return table("Costs", [by || "all", ...["calls", "cost", "errors", "tokens", "from cache", "saved"]
      .map((text) => ({ text, number: true }))], order.map((key) => {
      const one = totals.get(key);
      const cell = (text) => element("td", { class: "number" }, text);
      return element("tr", {}, element("th", { scope: "row", class: "said" }, by ? named(key) : "all"), cell(count(one.calls)),
        cell(one.unpriced ? `${money(one.usd)} + ${count(one.unpriced)} unpriced` : money(one.usd)),
        cell(count(one.errors)), cell(count(one.tokens)),
        cell(one.cache_hits ? percent(one.cache_hits / (one.cache_hits + one.calls)) : "0 %"), cell(money(one.saved_usd)));
    }));
  }

  leave() {
    for (const end of this.ends) end();
  }
}

const named = (key) => key || "others";

function sums(points) {
  const totals = new Map();
  for (const point of points) {
    const sum = totals.get(point.key) ?? { usd: 0, unpriced: 0, calls: 0, errors: 0, tokens: 0, cache_hits: 0, saved_usd: 0 };
    for (const name of Object.keys(sum)) sum[name] += point[name] ?? 0;
    totals.set(point.key, sum);
  }
  return totals;
}

// One column a bucket, the empty ones too: a gap in time is seen.
function columns(page, series, says, value) {
  const size = page.step === "hour" ? DAY / 24 : DAY;
  const first = Math.min(...page.points.map((one) => one.at));
  const found = [];
  for (let at = first - Math.floor((first - page.since) / size) * size; at <= page.until; at += size) {
    const when = moment(at);
    const label = page.step === "hour" ? when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
      : when.toLocaleDateString([], { day: "numeric", month: "short" });
    const parts = page.points.filter((one) => series.has(one.key) && Math.abs(one.at - at) < size / 2)
      .map((one) => ({ series: series.get(one.key), value: value(one), title: `${label}, ${named(one.key)}: ${says(value(one))}` }))
      .sort((a, b) => a.series - b.series);
    found.push({ at, label, parts });
  }
  return found;
}
