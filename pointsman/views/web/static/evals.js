// Evaluations: their records, newest first, and what changed between two of them.

import { get } from "./api.js";
import { element, empty, failed, loading, panel, table } from "./dom.js";
import { ago, count, money } from "./format.js";
import { go, way } from "./routes.js";
import { badge } from "./words.js";

const VERDICTS = { improved: ["▲", "improved", "good"], regressed: ["▼", "regressed", "bad"],
  worse: ["▼", "worse", "bad"], better: ["▲", "better", "good"] };

export function open(context, route) {
  return new Evals(route);
}

class Evals {
  constructor(route) {
    this.title = "Evals";
    this.compared = element("div");
    this.list = element("div", {}, loading("evaluations"));
    this.run = element("select", { name: "run" });
    this.baseline = element("select", { name: "baseline" });
    this.form = element("form", { class: "panel", hidden: true, onsubmit: (event) => {
      event.preventDefault();
      go(way("evals", [], { run: this.run.value, baseline: this.baseline.value }));
    } }, element("div", { class: "filters" }, element("label", { class: "field" }, "Run", this.run),
      element("label", { class: "field" }, "Against", this.baseline),
      element("div", { class: "ends" }, element("button", { class: "go", type: "submit" }, "Compare"))));
    this.node = element("div", { class: "page-evals" }, element("div", { class: "top" },
      element("h1", {}, "Evaluations")), this.form, this.compared, this.list);
    this.read().then(() => this.changed(route));
  }

  async read() {
    try {
      this.show(await get("/console/evals"));
    } catch (error) {
      this.list.replaceChildren(failed(error, () => this.read()));
    }
  }

  show(page) {
    const trouble = page.trouble ? element("p", { class: "lost", role: "alert" }, page.trouble) : null;
    if (!page.runs.length) {
      this.list.replaceChildren(...[trouble, element("div", { class: "panel" }, empty("No evaluation yet",
        element("code", {}, "pointsman eval run"), " makes one."))].filter(Boolean));
      return;
    }
    const options = (select) => select.replaceChildren(...page.runs.map((one) => element("option", { value: one.id },
      `${one.suite} · ${one.target} · ${new Date(one.at).toLocaleString()}${one.baseline ? " · baseline" : ""}`)));
    options(this.run);
    options(this.baseline);
    this.form.hidden = page.runs.length < 2;
    this.list.replaceChildren(...[trouble, panel("Records", {}, this.table(page.runs))].filter(Boolean));
  }

  table(runs) {
    const metrics = [...new Set(runs.flatMap((one) => Object.keys(one.metrics)))].slice(0, 6);
    return table("Evaluations, newest first", ["When", "Suite", "Target",
      ...["samples", "errors", ...metrics, "cost"].map((text) => ({ text, number: true }))],
    runs.map((one) => element("tr", {}, element("td", {}, ago(one.at)),
      element("th", { scope: "row", class: "said" }, one.suite, " ",
        one.baseline ? badge(["◆", "baseline", "note"]) : null,
        one.partial ? badge(["◐", "partial", "warn"], { title: one.partial }) : null),
      element("td", { class: "said" }, [one.target, one.version].filter(Boolean).join(" ")),
      ...[count(one.samples), count(one.errors), ...metrics.map((name) => figure(one.metrics[name])), money(one.usd)]
        .map((text) => element("td", { class: "number" }, text)))));
  }

  async changed({ query }) {
    const [run, baseline] = [query.get("run"), query.get("baseline")];
    if (!run || !baseline) return this.compared.replaceChildren();
    this.run.value = run;
    this.baseline.value = baseline;
    this.compared.replaceChildren(loading("the comparison"));
    try {
      this.compared.replaceChildren(this.comparison(await get("/console/evals/compare", { run, baseline })));
    } catch (error) {
      this.compared.replaceChildren(failed(error));
    }
  }

  comparison(page) {
    return panel("Comparison", {}, page.words ? element("p", { class: "said" }, page.words) : null,
      element("p", { class: "soft small" }, `${count(page.pairs)} samples are in both.`),
      page.changes.length ? table("Metrics", ["Metric", { text: "run", number: true },
        { text: "against", number: true }, { text: "difference, 95 %", number: true }, { text: "p", number: true }, "Verdict"],
      page.changes.map((one) => element("tr", {}, element("th", { scope: "row", class: "said" }, one.metric),
        ...[figure(one.run), figure(one.baseline),
          one.low === null ? "–" : `${figure(one.low)} to ${figure(one.high)}`, one.p === null ? "–" : one.p.toFixed(3)]
          .map((text) => element("td", { class: "number" }, text)),
        element("td", { class: "said" }, badge(VERDICTS[one.verdict] ?? ["·", one.verdict, "plain"]), " ", one.words)))) : null);
  }
}

function figure(value) {
  return value === null || value === undefined ? "–" : value.toFixed(3).replace(/0$/, "");
}
