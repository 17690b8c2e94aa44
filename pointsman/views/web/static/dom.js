// Elements made of plain text. Nothing here takes markup: every child that is no node becomes text.

const SVG = "http://www.w3.org/2000/svg";

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") made.addEventListener(name.replace(/^on/, ""), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    made.append(child instanceof Node ? child : String(child)); // a string becomes a text node
  }
  return made;
}

export function element(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function drawn(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function link(to, attributes, ...children) {
  return element("a", { href: `#${to}`, ...attributes }, children);
}

// Sets a text only where it changed, so that nothing is announced or laid out anew.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function table(caption, heads, rows, attributes) {
  const head = heads.map((one) => {
    const { text, number, hidden } = typeof one === "string" ? { text: one } : one;
    return element("th", { scope: "col", class: number ? "number" : null },
      hidden ? element("span", { class: "unseen" }, text) : text);
  });
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    element("table", attributes, element("caption", { class: "unseen" }, caption),
      element("thead", {}, element("tr", {}, head)), element("tbody", {}, rows)));
}

// Puts `next` where the children of `node` are, keeping the focus where a twin of it is found.
export function replace(node, ...next) {
  const now = document.activeElement;
  const key = now && node.contains(now) ? now.dataset.key : "";
  node.replaceChildren(...next.flat(Infinity).filter(Boolean));
  if (!key) return;
  for (const one of node.querySelectorAll("[data-key]")) {
    if (one.dataset.key === key) one.focus({ preventScroll: true });
  }
}

let told = 0;

// Says something to people who listen to the page instead of looking at it.
export function announce(text) {
  const live = document.getElementById("live");
  told += 1;
  live.textContent = told % 2 ? text : `${text}\u00a0`; // the same words twice are news twice
}

export function panel(title, attributes, ...children) {
  const id = `h-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`;
  return element("section", { class: "panel", "aria-labelledby": id, ...attributes },
    element("h2", { id }, title), children);
}

export function empty(title, ...more) {
  return element("div", { class: "empty" }, element("p", { class: "strong" }, title),
    more.length ? element("p", {}, more) : null);
}

export function loading(what) {
  return element("p", { class: "loading", role: "status" }, `Loading ${what}…`);
}

// What could not be had, and a way to try again.
export function failed(error, again) {
  return element("div", { class: "failed", role: "alert" },
    element("p", { class: "strong" }, error.message),
    error.hint ? element("p", {}, error.hint) : null,
    again ? element("button", { type: "button", onclick: again }, "Try again") : null);
}
