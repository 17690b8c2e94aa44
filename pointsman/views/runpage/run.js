"use strict";
const cases = [...document.querySelectorAll("details.case")];
const words = document.getElementById("words");
const count = document.getElementById("count");
const all = document.getElementById("all");
const texts = new Map(cases.map((one) => [one, one.textContent.toLowerCase()]));
const shown = () => cases.filter((one) => !one.hidden);
function filter() {
  const wanted = words.value.trim().toLowerCase();
  for (const one of cases) one.hidden = wanted !== "" && !texts.get(one).includes(wanted);
  count.textContent = `${shown().length} of ${cases.length} shown`;
}
function move(by) {
  const list = shown();
  const at = list.findIndex((one) => one.contains(document.activeElement));
  const next = list[Math.max(0, Math.min(list.length - 1, at < 0 ? 0 : at + by))];
  if (next) next.querySelector("summary").focus();
}
words.addEventListener("input", filter);
all.addEventListener("click", () => {
  const open = shown().some((one) => !one.open);
  for (const one of shown()) one.open = open;
  all.textContent = open ? "Close all" : "Open all";
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === words) return;
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "o") {
    const one = document.activeElement.closest("details.case");
    if (one) one.open = !one.open;
  } else if (event.key === "/") {
    event.preventDefault();
    words.focus();
  }
});
filter();
