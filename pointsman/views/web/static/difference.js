// A difference, line by line: with a sign before each line, not by colour alone.

import { element } from "./dom.js";

const WORDS = { "+": "added: ", "-": "removed: ", " ": "", "@": "" };

export function difference(lines, label) {
  return element("div", { class: "diff", role: "region", tabindex: "0", "aria-label": label },
    lines.map(({ mark, text }) => element("div", { class: "diff-line", "data-mark": mark },
      element("span", { class: "diff-mark", "aria-hidden": "true" }, mark === "@" ? "⋯" : mark),
      WORDS[mark] ? element("span", { class: "unseen" }, WORDS[mark]) : null,
      element("span", { class: "said" }, text || "\u00a0"))));
}
