// Asking the server. What it refuses is thrown as a Refused; without a session the sign-in page
// comes first, and then the same is asked again.

export class Refused extends Error {
  constructor(status, { error = "", message, hint = "", retry_after = null }, body = null) {
    super(message);
    this.status = status;
    this.kind = error;
    this.hint = hint;
    this.retryAfter = retry_after;
    this.body = body;
  }
}

const UNREACHED = {
  error: "Unreached",
  message: "The server does not answer.",
  hint: "It may have been stopped. Look at the terminal in which `pointsman console` runs.",
};

let csrf = "";
let signInAgain = () => Promise.reject(new Error("nobody is signed in"));

// `again` shows the sign-in page and resolves with whether the same person came back.
export function begin(session, again) {
  csrf = session.csrf;
  signInAgain = again;
}

async function ask(method, path, body, signal) {
  const headers = { Accept: "application/json" };
  if (method === "POST") {
    headers["Content-Type"] = "application/json";
    if (csrf) headers["X-CSRF-Token"] = csrf;
  }
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, cache: "no-store", redirect: "error",
      credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, UNREACHED);
  }
  const text = await answer.text();
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    json = null;
  }
  if (answer.ok) return json;
  const problem = json && typeof json.message === "string" ? json
    : { message: `The server answered ${answer.status}.` };
  throw new Refused(answer.status, problem, json);
}

async function signedIn(method, path, body, signal) {
  try {
    return await ask(method, path, body, signal);
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 401) throw error;
    const same = await signInAgain();
    if (!same) throw new Refused(401, { error: "SomebodyElse",
      message: "Somebody else signed in since. Nothing was sent." });
    return ask(method, path, body, signal);
  }
}

export function get(path, query = {}, signal = undefined) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) {
      if (one !== "" && one !== null && one !== undefined) asked.append(name, one);
    }
  }
  const text = asked.toString();
  return signedIn("GET", text ? `${path}?${text}` : path, undefined, signal);
}

export function post(path, body = {}) {
  return signedIn("POST", path, body);
}

// The session, and what is asked without one.
export function whoIsThere() {
  return ask("GET", "/console/session");
}

export function signIn(token) {
  return ask("POST", "/console/signin", { token });
}

// Ways to sign in beside a token: { issuer }.
export function waysIn() {
  return ask("GET", "/console/signin");
}

export async function signOut() {
  await ask("POST", "/console/signout", {});
  csrf = "";
}
