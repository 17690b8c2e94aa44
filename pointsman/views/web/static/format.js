// Figures and times as people read them: the same words as the command line's.

import { element } from "./dom.js";

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.95) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  return rest && minutes < 60 ? `${minutes} min ${rest} s` : `${minutes} min`;
}

// A wait in its largest unit, rounded down.
export function span(value) {
  const whole = Math.max(0, Math.floor(value));
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const [size, name] = units.find(([one]) => whole >= one) ?? [1, "s"];
  return `${Math.floor(whole / size)} ${name}`;
}

export function money(value) {
  if (value === null || value === undefined) return "unknown";
  if (value === 0) return "$0";
  return value >= 1 ? `$${value.toFixed(2)}` : `$${value.toFixed(4)}`;
}

export function count(value) {
  return Number(value).toLocaleString("en", { maximumFractionDigits: 0 });
}

export function percent(share) {
  return share === null || share === undefined ? "–" : `${Math.round(share * 100)}\u00a0%`;
}

export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

export function short(id) {
  return id.length > 12 ? id.slice(0, 8) : id;
}

const day = (at) => at.toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" });
const clock = (at, more) =>
  at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", ...more });

// From milliseconds since the epoch; null where there is none.
export function moment(ms) {
  const at = new Date(ms ?? NaN);
  return Number.isNaN(at.getTime()) ? null : at;
}

// A moment in the reader's own zone; the exact one, in UTC, lies in its title.
export function time(ms, how = "near") {
  const at = moment(ms);
  if (at === null) return element("span", {}, "–");
  const today = day(at) === day(new Date());
  const text = how === "clock" || (how === "near" && today) ? clock(at) : `${day(at)}, ${clock(at)}`;
  return element("time", { datetime: at.toISOString(), title: at.toISOString() }, text);
}

// How long ago; kept true by `tick`.
export function ago(ms) {
  const at = moment(ms);
  if (at === null) return element("span", {}, "–");
  const made = element("time", { datetime: at.toISOString(), title: at.toISOString(), "data-ago": "" });
  made.textContent = since(at);
  return made;
}

function since(at) {
  const passed = (Date.now() - at.getTime()) / 1000;
  return passed < 5 ? "just now" : `${span(passed)} ago`;
}

export function tick() {
  for (const one of document.querySelectorAll("time[data-ago]")) {
    const text = since(new Date(one.getAttribute("datetime")));
    if (one.textContent !== text) one.textContent = text;
  }
}
