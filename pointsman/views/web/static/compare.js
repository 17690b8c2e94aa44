// Two runs beside each other: what differs in what they came to, and step by step.

import { get } from "./api.js";
import { difference } from "./difference.js";
import { element, failed, link, loading, panel, table } from "./dom.js";
import { seconds } from "./format.js";
import { go, way } from "./routes.js";
import { badge, runLine } from "./words.js";

export function open(context, route) {
  return new Compare(route);
}

class Compare {
  constructor(route) {
    this.title = "Compare runs";
    this.inputs = Object.fromEntries(["a", "b"].map((name) => [name, element("input", { name, required: true,
      autocomplete: "off", spellcheck: "false", list: "known-runs", placeholder: "id of a run" })]));
    this.known = element("datalist", { id: "known-runs" });
    this.body = element("div");
    this.node = element("div", { class: "page-compare" },
      element("p", { class: "small" }, link("/runs", {}, "Runs"), " / compare"),
      element("div", { class: "top" }, element("h1", {}, "Compare two runs")),
      element("form", { class: "panel", onsubmit: (event) => {
        event.preventDefault();
        go(way("compare", [], { a: this.inputs.a.value.trim(), b: this.inputs.b.value.trim() }));
      } }, this.known, element("div", { class: "filters two" },
        element("label", { class: "field" }, "One run", this.inputs.a),
        element("label", { class: "field" }, "The other", this.inputs.b),
        element("div", { class: "ends" }, element("button", { type: "submit", class: "go" }, "Compare")))), this.body);
    this.changed(route);
    this.suggest();
  }

  async suggest() {
    try {
      const { lines } = await get("/console/runs", { limit: 30 });
      this.known.replaceChildren(...lines.map((line) => element("option", { value: line.run }, line.text.slice(0, 80))));
    } catch {
      // only a convenience
    }
  }

  async changed({ query }) {
    const [a, b] = ["a", "b"].map((name) => query.get(name) ?? "");
    if (a) this.inputs.a.value = a;
    if (b) this.inputs.b.value = b;
    if (!a || !b) return;
    this.body.replaceChildren(loading("both runs"));
    try {
      this.body.replaceChildren(...this.drawn(await get("/console/compare", { a, b })));
    } catch (error) {
      this.body.replaceChildren(failed(error));
    }
  }

  shown() {
    const { a, b } = this.inputs;
    if (!a.value || !b.value) (a.value ? b : a).focus();
  }

  drawn(page) {
    return [
      panel("The runs", {}, element("ul", { class: "runs" }, [page.a, page.b].map((line) => runLine(line)))),
      panel("What they came to", {}, table("What they came to", ["", "One run", "The other", "Same"],
        page.sides.map((one) => element("tr", {}, element("th", { scope: "row" }, one.name),
          element("td", { class: "said" }, one.a || "–"), element("td", { class: "said" }, one.b || "–"),
          element("td", {}, same(one.same)))))),
      page.answer.length ? panel("Answers", {}, difference(page.answer, "Difference of the answers")) : null,
      panel("Step by step", {}, element("div", { class: "pair", role: "list" },
        page.steps.flatMap((one) => [this.step(one.a, one.same), this.step(one.b, one.same)]))),
    ].filter(Boolean);
  }

  step(step, alike) {
    return element("div", { role: "listitem", class: alike ? "" : "other" }, step
      ? [element("b", {}, step.label), step.who ? ` ${step.who}` : "", " ",
        element("span", { class: "said" }, step.words), element("span", { class: "soft small" }, ` +${seconds(step.offset)}`)]
      : element("span", { class: "soft" }, "– no such step"));
  }
}

const same = (is) => (is ? badge(["=", "same", "plain"]) : badge(["≠", "differs", "warn"]));
