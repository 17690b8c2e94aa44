// The conditions on runs: a form, the address's query, and what is asked of the server.

import { element } from "./dom.js";
import { STATES } from "./words.js";

const NUMBERS = [["usd_at_least", "Cost at least ($)"], ["usd_at_most", "Cost at most ($)"],
  ["seconds_at_least", "Time at least (s)"], ["seconds_at_most", "Time at most (s)"]];
const TIMES = [["since", "Since"], ["until", "Until"]];
const TEXTS = [["thread", "Thread"], ["tenant", "Tenant"], ["release", "Release"]];

export class RunFilter {
  constructor(changed) {
    this.inputs = {};
    this.timer = 0;
    const text = this.input("text", { type: "search", placeholder: "words of the request or answer",
      "aria-label": "Search runs by text" });
    const specialist = this.choice("specialist", [["", "any"]]);
    const state = this.choice("state", [["", "any"],
      ...Object.entries(STATES).map(([name, [sign, word]]) => [name, `${sign} ${word}`])]);
    const more = element("details", { class: "more-filters" },
      element("summary", {}, "More conditions"),
      element("div", { class: "filters" },
        TEXTS.map(([name, label]) => this.field(label, this.input(name, { type: "text" }))),
        TIMES.map(([name, label]) => this.field(label, this.input(name, { type: "datetime-local" }))),
        NUMBERS.map(([name, label]) => this.field(label,
          this.input(name, { type: "number", min: "0", step: "any", inputmode: "decimal" }))),
        element("label", { class: "check" }, this.input("children", { type: "checkbox" }),
          "runs that others began, too")));
    this.more = more;
    this.node = element("form", { class: "panel search", role: "search", "aria-label": "Find runs",
      onsubmit: (event) => {
        event.preventDefault();
        clearTimeout(this.timer);
        changed();
      },
      oninput: (event) => {
        clearTimeout(this.timer);
        const typed = event.target.matches("[type=search], [type=text], [type=number]");
        this.timer = setTimeout(changed, typed ? 350 : 0);
      },
      onreset: () => setTimeout(changed) },
    element("div", { class: "filters first" }, this.field("Text", text),
      this.field("Specialist", specialist), this.field("State", state),
      element("div", { class: "ends" }, element("button", { type: "submit", class: "go" }, "Search"),
        element("button", { type: "reset", class: "quiet" }, "Clear"))), more);
  }

  input(name, attributes) {
    this.inputs[name] = element("input", { name, autocomplete: "off", ...attributes });
    return this.inputs[name];
  }

  choice(name, options) {
    this.inputs[name] = element("select", { name },
      options.map(([value, label]) => element("option", { value }, label)));
    return this.inputs[name];
  }

  field(label, input) {
    return element("label", { class: "field" }, label, input);
  }

  specialists(names) {
    const select = this.inputs.specialist;
    const known = new Set([...select.options].map((one) => one.value));
    for (const name of names) {
      if (!known.has(name)) select.append(element("option", { value: name }, name));
    }
  }

  // Sets the form to the address's query.
  take(query) {
    for (const [name, input] of Object.entries(this.inputs)) {
      const value = query.get(name) ?? "";
      if (input.type === "checkbox") input.checked = value === "1";
      else if (input !== document.activeElement || input.value.trim() !== value) {
        if (name === "specialist" && value) this.specialists([value]);
        input.value = value;
      }
    }
    const inside = [...this.more.querySelectorAll("input")];
    if (inside.some((one) => this.value(one))) this.more.open = true;
  }

  value(input) {
    return input.type === "checkbox" ? (input.checked ? "1" : "") : input.value.trim();
  }

  // As the address holds it.
  query() {
    return Object.fromEntries(Object.entries(this.inputs).map(([name, one]) => [name, this.value(one)]));
  }

  // As the server takes it: times in milliseconds.
  asked() {
    const asked = this.query();
    for (const [name] of TIMES) {
      if (asked[name]) asked[name] = new Date(asked[name]).getTime();
    }
    return asked;
  }

  any() {
    return Object.values(this.query()).some(Boolean);
  }
}
