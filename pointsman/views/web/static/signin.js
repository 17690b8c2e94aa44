// Signing in with the token from the terminal, or through an issuer where there is one.

import { signIn, waysIn, whoIsThere } from "./api.js";
import { element } from "./dom.js";

let made = 0;

// What the server's words mean to people. Any other one is none of ours.
const FAULTS = {
  refused: "The sign-in was refused.",
  expired: "That sign-in has ended, or it was begun in another browser. Try again.",
  "no-role": "You are signed in there, and have no role here. Ask whoever runs this console.",
  "too-many": "There were too many tries to sign in. Try again in a minute.",
  unavailable: "The issuer that signs people in does not answer. Try again, or use a token.",
};

// A form; `done` gets the session.
export function signInForm(why, done) {
  made += 1;
  const id = `token-${made}`;
  const wrong = element("p", { class: "wrong", role: "alert", id: `${id}-wrong` }, why.fault ?? "");
  const input = element("input", { id, type: "password", name: "token", required: true,
    autocomplete: "current-password", autocapitalize: "off", spellcheck: "false",
    "aria-describedby": `${id}-wrong ${id}-where`, maxlength: "400" });
  const button = element("button", { class: "go", type: "submit" }, "Sign in");
  const form = element("form", { onsubmit: (event) => {
    event.preventDefault();
    enter(input.value.trim());
  } },
  element("div", { class: "brand" }, element("img", { src: "/static/icon.svg", alt: "" }),
    element("span", {}, element("b", {}, "pointsman"), element("span", {}, "console"))),
  element("h1", {}, why.title),
  why.text ? element("p", { class: "soft" }, why.text) : null,
  element("label", { class: "field", for: id }, "Token", input),
  element("p", { class: "small soft", id: `${id}-where` },
    "The terminal that runs ", element("code", {}, "pointsman console"),
    " shows it. Your own token comes from ", element("code", {}, "pointsman token"), "."),
  wrong, button);
  // A link and no script: the browser goes there by itself. Beside what was typed it opens anew.
  waysIn().then(({ issuer }) => issuer && form.append(element("a", { class: "other",
    href: `/console/oidc?at=${encodeURIComponent(location.hash.slice(1))}`,
    ...(why.beside ? { target: "_blank", rel: "noopener" } : {}) },
  `Sign in with ${issuer}`))).catch(() => {});

  async function enter(token) {
    if (!token) {
      wrong.textContent = "Give the token first.";
      input.focus();
      return;
    }
    button.disabled = true;
    wrong.textContent = "";
    try {
      const session = await signIn(token);
      input.value = "";
      done(session);
    } catch (error) {
      wrong.textContent = [error.message, error.hint].filter(Boolean).join(" ");
      input.focus();
      input.select();
    } finally {
      button.disabled = false;
    }
  }
  return { node: form, enter, focus: () => input.focus() };
}

// The whole page, before anybody is in.
export function signInPage(token, fault, done) {
  const form = signInForm({ title: "Sign in", text: "", fault: Object.hasOwn(FAULTS, fault) ? FAULTS[fault] : "" }, done);
  const node = element("main", { class: "gate", id: "main", tabindex: "-1" }, form.node);
  if (token) form.enter(token);
  return { node, focus: form.focus };
}

// Over the page, when the session is over: what is under it stays as it was.
export function signInAgain(name, done) {
  const form = signInForm({ title: "Your session has ended", beside: true,
    text: `Sign in as ${name} to go on where you were. What you typed is still there.` }, back);
  const dialog = element("dialog", { class: "again", "aria-label": "Sign in again",
    oncancel: (event) => event.preventDefault() },
  element("div", { class: "gate" }, form.node));
  document.body.append(dialog);
  dialog.showModal();
  form.focus();
  addEventListener("focus", look);

  // Who signed in through the issuer did so in another tab.
  function look() {
    whoIsThere().then(back).catch(() => {});
  }

  function back(session) {
    if (!dialog.isConnected) return;
    removeEventListener("focus", look);
    dialog.close();
    dialog.remove();
    done(session);
  }
}
