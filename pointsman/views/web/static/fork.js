// A fork: the run again from a step, with another prompt or model; writes are simulated.

import { get, post } from "./api.js";
import { element, write } from "./dom.js";
import { go, runWay } from "./routes.js";

// A form over the run; `close` takes it away.
export function forkForm(page, index, close) {
  const wrong = element("p", { class: "wrong", role: "alert" });
  const at = element("select", { name: "at" }, page.steps.map((step) => element("option",
    { value: step.seq, selected: step.index === index }, `${step.index + 1}: ${step.label} ${step.words}`.slice(0, 90))));
  const name = element("input", { name: "prompt", autocomplete: "off", placeholder: "team/specialist" });
  const text = element("textarea", { rows: "8", spellcheck: "false" });
  const tier = element("input", { name: "tier", autocomplete: "off", placeholder: "fast" });
  const models = element("input", { name: "models", autocomplete: "off", placeholder: "model, next model" });
  const answers = element("select", { name: "answers" }, element("option", { value: "recorded" }, "recorded answers where they fit"),
    element("option", { value: "live" }, "live answers, which cost"));
  const button = element("button", { type: "submit", class: "go" }, "Fork");

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    write(wrong, "");
    const given = (key, value) => (key.value.trim() && value.value.trim() ? { [key.value.trim()]: value.value } : {});
    try {
      const done = await post(`/console/runs/${encodeURIComponent(page.line.run)}/fork`, { at: Number(at.value),
        prompts: given(name, text), models: given(tier, models), answers: answers.value });
      go(runWay(done.run));
    } catch (error) {
      write(wrong, [error.message, error.hint].filter(Boolean).join(" "));
    } finally {
      button.disabled = false;
    }
  }

  const form = element("form", { class: "panel forked", "aria-label": "Fork this run", onsubmit: submit },
    element("h2", {}, "Fork this run"),
    element("p", { class: "soft small" }, "It goes on from a step as another run. Nothing is written outside: effects are simulated."),
    element("div", { class: "filters" }, field("From step", at), field("Answers", answers), field("Model tier", tier),
      field("Its models", models), field("Prompt", name)), field("Its new text", text), wrong,
    element("div", { class: "switches" }, button, element("button", { type: "button", onclick: close }, "Not now")));
  fill(page, name);
  return form;
}

function field(label, input) {
  return element("label", { class: "field" }, label, input);
}

// Suggests the name of the prompt that the run's last call used.
async function fill(page, name) {
  const call = [...page.calls].reverse().find((one) => one.prompt);
  if (!call) return;
  try {
    const shown = await get(`/console/runs/${encodeURIComponent(page.line.run)}/prompts/${encodeURIComponent(call.call)}`);
    if (shown.name && !name.value) name.value = shown.name;
  } catch {
    // only a convenience
  }
}
