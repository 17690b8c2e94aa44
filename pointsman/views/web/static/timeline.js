// The steps of a run, one after another: a list with one step chosen, and buttons to go on.

import { drawn, element, write } from "./dom.js";
import { money, seconds } from "./format.js";
import { SIGNS } from "./words.js";

const FIRST = "M2 2h2v12H2zM14 2v12L5 8z";
const BACK = "M12 2v12L3 8z";
const NEXT = "M4 2v12l9-6z";
const LAST = "M12 2h2v12h-2zM2 2v12l9-6z";

export class Timeline {
  constructor(pick) {
    this.pick = pick;
    this.index = -1;
    this.rows = [];
    const button = (path, name, to) => element("button", { type: "button", "aria-label": name,
      title: name, onclick: () => pick(to()) },
    drawn("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, drawn("path", { d: path })));
    this.place = element("span", { class: "place-in-steps number" });
    this.slider = element("input", { type: "range", min: "0", value: "0", "aria-label": "Step",
      oninput: () => pick(Number(this.slider.value)) });
    this.list = element("ol", { class: "steps", role: "listbox", tabindex: "0", "aria-label": "Steps",
      onkeydown: (event) => this.key(event) });
    this.node = element("div", {},
      element("div", { class: "stepper", role: "group", "aria-label": "Step through the run" },
        button(FIRST, "First step", () => 0), button(BACK, "Step back (k or ←)", () => this.index - 1),
        button(NEXT, "Next step (j or →)", () => this.index + 1),
        button(LAST, "Last step", () => this.rows.length - 1), this.slider, this.place),
      this.list);
  }

  show(steps) {
    this.rows = steps.map((step) => element("li", { role: "option", id: `step-${step.index}`,
      class: "step", "data-tone": step.tone, "aria-selected": "false",
      onclick: () => this.pick(step.index) },
    element("span", { class: "step-when number" }, `+${seconds(step.offset)}`),
    element("span", { class: "step-sign", "aria-hidden": "true" }, SIGNS[step.tone] ?? "·"),
    element("span", { class: "step-words" }, element("b", {}, step.label),
      step.who ? element("span", { class: "soft" }, ` ${step.who}`) : null,
      element("span", { class: "said step-said" }, step.words)),
    element("span", { class: "step-cost number soft" }, this.cost(step))));
    this.list.replaceChildren(...this.rows);
    this.slider.max = String(Math.max(0, steps.length - 1));
  }

  cost({ usd, seconds: took }) {
    return [took ? seconds(took) : "", usd ? money(usd) : ""].filter(Boolean).join(" · ");
  }

  key(event) {
    const to = { ArrowDown: this.index + 1, ArrowUp: this.index - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.pick(to);
  }

  at(index, chosen) {
    this.rows[this.index]?.setAttribute("aria-selected", "false");
    this.index = index;
    const row = this.rows[index];
    row?.setAttribute("aria-selected", "true");
    this.list.setAttribute("aria-activedescendant", `step-${index}`);
    this.slider.value = String(index);
    this.slider.setAttribute("aria-valuetext", `step ${index + 1} of ${this.rows.length}`);
    write(this.place, `${index + 1} / ${this.rows.length}`);
    if (row && (chosen || this.list.scrollTop === 0)) this.reveal(row);
  }

  // Within the list only: the page itself does not move.
  reveal(row) {
    const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    else if (bottom > this.list.scrollTop + this.list.clientHeight) {
      this.list.scrollTop = bottom - this.list.clientHeight;
    }
  }
}
