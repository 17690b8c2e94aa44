// Dark or light: the system's, or what the person chose. Kept on this machine only.

const KEY = "pointsman.theme";
const NAMES = { auto: "System", light: "Light", dark: "Dark" };

function kept() {
  try {
    return localStorage.getItem(KEY) in NAMES ? localStorage.getItem(KEY) : "auto";
  } catch {
    return "auto"; // storage is switched off
  }
}

function keep(name) {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // then it holds until the page is closed
  }
}

let chosen = "auto";

function apply(name) {
  chosen = name;
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}

export function start() {
  apply(kept());
}

export function current() {
  return { name: chosen, label: NAMES[chosen] };
}

export function next() {
  const names = Object.keys(NAMES);
  const name = names[(names.indexOf(chosen) + 1) % names.length];
  keep(name);
  apply(name);
  return current();
}
