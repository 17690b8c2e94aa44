(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const cases = [...document.querySelectorAll("details.case")];
  const text = new Map();
  const said = (one) => {
    if (!text.has(one)) text.set(one, one.textContent.toLowerCase());
    return text.get(one);
  };
  const fits = (one, words, tag, state) => {
    if (tag && !one.dataset.tags.split(" ").includes(tag)) return false;
    if (state === "worse" || state === "better") {
      if (one.dataset.moved !== state) return false;
    } else if (state === "bad") {
      if (one.dataset.state !== "fail" && one.dataset.state !== "error") return false;
    } else if (state && one.dataset.state !== state) return false;
    return words.every((word) => said(one).includes(word));
  };
  const apply = () => {
    const words = byId("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    const tag = byId("tag").value;
    const state = byId("state").value;
    let shown = 0;
    for (const one of cases) {
      one.hidden = !fits(one, words, tag, state);
      if (!one.hidden) shown += 1;
    }
    byId("count").textContent = `${shown} of ${cases.length} shown`;
  };
  for (const id of ["words", "tag", "state"]) byId(id).addEventListener("input", apply);
  apply();
})();
