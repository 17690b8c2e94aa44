// All there is to say about one step: its words, its message, its model call and prompt.

import { get } from "./api.js";
import { element, failed, loading } from "./dom.js";
import { difference } from "./difference.js";
import { count, money, plural, seconds, time } from "./format.js";
import { badge, SIGNS, verdict } from "./words.js";

export function json(value) {
  return element("pre", { class: "json said", tabindex: "0" }, JSON.stringify(value, null, 2));
}

export function pairs(rows) {
  return element("dl", { class: "pairs" }, rows.filter(([, value]) => value !== "" && value !== null &&
    value !== undefined).map(([name, value]) => [element("dt", {}, name), element("dd", { class: "said" }, value)]));
}

export function stepDetail(page, index) {
  const step = page.steps[index];
  const call = page.calls.find((one) => one.step === index || (step.call && one.call === step.call));
  const judged = page.verdicts.find((one) => one.step === index);
  const tool = page.tools.find((one) => one.step === index);
  const given = page.messages.filter((one) => one.first !== null && one.first <= index && index <= one.last);
  const gave = given.flatMap((one) => next(page.messages, one));
  const sent = page.edges.filter((edge) => edge.step === index && edge.message)
    .map((edge) => page.messages.find((one) => one.id === edge.message)).filter(Boolean);
  return [
    element("div", { class: "top detail-head" },
      badge([SIGNS[step.tone] ?? "·", step.label, step.tone]),
      step.who ? element("b", {}, step.who) : null,
      element("span", { class: "soft small right" }, "at ", time(step.at, "clock"))),
    element("p", { class: "said" }, step.words),
    ...given.map((one) => folded(one, `Given to ${one.to}`, index === one.first)),
    ...sent.map((one) => message(one)),
    call ? callDetail(page.line.run, call) : null,
    judged ? pairs([["Verdict", verdict(judged.verdict, judged.shadow)], ["Guard", judged.guard],
      ["Stage", judged.stage], ["Rule", judged.rule], ["Found", count(judged.count)],
      ["Sure", judged.confidence === null ? "" : judged.confidence.toFixed(2)]]) : null,
    tool ? toolDetail(tool) : null,
    ...gave.map((one) => folded(one, `Given on to ${one.to}`, index === given.at(-1).last)),
    element("details", { class: "raw" }, element("summary", {}, "The event as recorded"), json(step.detail)),
  ].filter(Boolean);
}

// `more`: what stands in its head beside it. `known`: whether its text stands above already.
export function message(one, more = null, known = false) {
  const plain = one.data === null || one.data === undefined;
  const cut = one.left ? element("p", { class: "soft small" },
    `${plural(one.left, "character")} more: Export has all of it.`) : null;
  return element("figure", { class: "message" },
    element("figcaption", { class: "small" }, element("b", {}, one.frm), " → ", element("b", {}, one.to),
      ` · ${one.kind} · `, time(one.at, "clock"), more ? [" ", more] : null),
    known ? element("p", { class: "soft small" }, "The same message, passed on.")
      : element("p", { class: "said" }, one.text || "(no text)"),
    one.stage ? envelope(one, known) : plain ? null : json(one.data), cut);
}

function envelope(one, known) {
  const holds = !known && one.data !== null && one.data !== undefined;
  return element("details", { class: "raw" }, element("summary", {}, holds ? "Envelope and data" : "Envelope"),
    pairs([["Id", one.message], ["Answers", one.causation], ["Began with", one.correlation], ["Step", one.stage]]),
    holds ? json(one.data) : null);
}

// What came of a message: it was passed on, or who had it answered.
function next(messages, one) {
  const passed = messages.slice(messages.indexOf(one) + 1).find((other) => other.message === one.message);
  return passed ? [passed] : messages.filter((other) =>
    other.stage && other.causation === one.message && other.frm === one.to);
}

// What the step that an event is of was given, or gave: open where the step begins or ends.
function folded(one, words, open) {
  return element("details", { class: "passed", open }, element("summary", {}, words), message(one));
}

export function toolDetail(tool) {
  return element("div", {}, pairs([["Tool", `${tool.tool} (${tool.effect})`],
    ["Outcome", tool.ok ? "✓ worked" : `✕ ${tool.error || "failed"}`], ["Time", seconds(tool.seconds)]]),
  tool.args === null || tool.args === undefined ? null : json(tool.args),
  tool.text ? element("figure", { class: "message" },
    element("figcaption", { class: "small" }, "It gave"), element("p", { class: "said" }, tool.text)) : null);
}

export function callDetail(run, call) {
  const cached = call.cached_tokens ? ` (${count(call.cached_tokens)} from the provider's cache)` : "";
  const box = element("div", { class: "call" }, pairs([["Model", call.model], ["For", call.purpose],
    ["Answered by", call.source === "model" ? "" : call.source],
    ["Tokens", `${count(call.input_tokens)} in${cached}, ${count(call.output_tokens)} out`],
    ["Cost", call.saved_usd ? `${money(call.usd)}, saved ${money(call.saved_usd)}` : money(call.usd)],
    ["Time", seconds(call.seconds)]]),
  call.text ? element("figure", { class: "message" },
    element("figcaption", { class: "small" }, "The model answered"), element("p", { class: "said" }, call.text)) : null,
  call.tools ? element("figure", { class: "message" },
    element("figcaption", { class: "small" }, "It asked for"), json(call.tools)) : null);
  if (call.prompt) box.append(promptOf(run, call.call));
  return box;
}

// The prompt is fetched when it is asked for.
function promptOf(run, call) {
  const inside = element("div");
  let asked = false;
  const read = async () => {
    inside.replaceChildren(loading("the prompt"));
    try {
      const path = `/console/runs/${encodeURIComponent(run)}/prompts/${encodeURIComponent(call)}`;
      inside.replaceChildren(...prompt(await get(path)));
    } catch (error) {
      inside.replaceChildren(failed(error, error.status === 404 ? null : read));
    }
  };
  return element("details", { class: "prompt", ontoggle: (event) => {
    if (!event.target.open || asked) return;
    asked = true;
    read();
  } }, element("summary", {}, "Prompt, rendered"), inside);
}

function prompt(shown) {
  const same = { true: "✓ the very prompt of the call", false: "▲ not the prompt of the call: something changed since" };
  return [pairs([["File", shown.name], ["Version", shown.version], ["Release", shown.release],
    ["Checked", same[String(shown.same)] ?? ""], ["Note", shown.note]]),
  ...shown.turns.map((turn) => element("figure", { class: "message" },
    element("figcaption", { class: "small" }, element("b", {}, turn.role)),
    element("p", { class: "said" }, turn.text))),
  shown.diff.length ? element("h3", {}, `Difference to release ${shown.release}`) : null,
  shown.diff.length ? difference(shown.diff, "Difference of the prompt to the release") : null].filter(Boolean);
}
