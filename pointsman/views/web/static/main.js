// Begins: who is there, which page is asked for, and what each page gets.

import { begin, get, signOut, whoIsThere } from "./api.js";
import { element, failed } from "./dom.js";
import { Feed } from "./feed.js";
import { tick } from "./format.js";
import { Frame } from "./frame.js";
import * as routes from "./routes.js";
import { signInAgain, signInPage } from "./signin.js";
import * as theme from "./theme.js";

// page -> its module, loaded when it is first looked at. Each has `open(context, route)`.
const PAGES = {
  now: () => import("./now.js"),
  inbox: () => import("./inboxpage.js"),
  runs: (rest) => (rest.length ? import("./run.js") : import("./runs.js")),
  compare: () => import("./compare.js"),
  team: () => import("./team.js"),
  costs: () => import("./costs.js"),
  evals: () => import("./evals.js"),
};
const UNDER = { compare: "runs" };

const app = document.getElementById("app");
let inside = null; // the signed-in part of the page

class Inside {
  constructor(session) {
    this.session = session;
    this.feed = new Feed();
    this.frame = new Frame(session, this.feed, () => this.leave());
    this.page = null; // what is shown: { node, title, leave?, changed? }
    this.kept = new Map(); // pages that stay as they are while others are looked at
    this.route = null;
    this.turn = 0;
    this.places = new Map(); // address -> how far it was scrolled
    this.asking = null; // the sign-in that is under way
    this.ended = false;
    begin(session, () => this.again());
    app.replaceChildren(this.frame.node);
    this.feed.on("expired", () => this.again());
    this.feed.on("overview", (data) => this.frame.count(data.waiting));
    this.feed.on("ticket", (data) => this.frame.count(data.waiting));
    this.feed.open();
    this.clock = setInterval(tick, 1000);
    this.onHash = () => this.show();
    addEventListener("hashchange", this.onHash);
    get("/console/overview").then((data) => this.frame.count(data.waiting)).catch(() => {});
    this.show();
  }

  // Resolves with whether it is the same person who came back.
  again() {
    if (this.ended) return Promise.resolve(false);
    this.asking ??= new Promise((resolve) => {
      this.feed.close();
      signInAgain(this.session.name, (session) => {
        const same = session.name === this.session.name && session.role === this.session.role &&
          session.tenant === this.session.tenant;
        this.asking = null;
        resolve(same);
        if (!same) return enter(session);
        this.session = session;
        begin(session, () => this.again());
        this.feed.open();
      });
    });
    return this.asking;
  }

  async leave() {
    this.feed.close();
    try {
      await signOut();
    } catch (error) {
      if (error.status !== 401) {
        this.feed.open();
        this.frame.main.prepend(failed(error));
        return;
      }
    }
    this.end();
    location.hash = "";
    outside("");
  }

  end() {
    clearInterval(this.clock);
    removeEventListener("hashchange", this.onHash);
    this.ended = true;
    this.feed.close();
    this.page?.leave?.();
    for (const page of this.kept.values()) page.leave?.();
    inside = null;
  }

  async show() {
    const route = routes.parse(location.hash);
    const key = [route.page, ...route.rest].join("/");
    if (this.route) this.places.set(this.route.address, scrollY);
    route.address = location.hash;
    const same = this.page && this.page.here === key;
    this.route = route;
    this.frame.at(UNDER[route.page] ?? route.page);
    if (same && this.page.changed) return this.page.changed(route);
    this.turn += 1;
    const turn = this.turn;
    const page = this.kept.get(key) ?? await this.made(route, key);
    if (this.ended) return page.leave?.();
    // Somebody went on meanwhile. A page that is kept stays as it is until they come back.
    if (turn !== this.turn) return page.keep || page.leave?.();
    this.put(page);
  }

  async made(route, key) {
    const load = PAGES[route.page];
    if (!load) return nowhere(key);
    try {
      const module = await load(route.rest);
      const there = this.kept.get(key); // made meanwhile, for who left and came back at once
      if (there) return there;
      const page = module.open(this, route);
      page.here = key;
      if (page.keep) this.kept.set(key, page);
      return page;
    } catch (error) {
      return { here: key, title: "Not shown", node: failed(error, () => location.reload()) };
    }
  }

  put(page) {
    const before = this.page;
    if (before && !before.keep) before.leave?.();
    before?.node.remove();
    this.page = page;
    document.title = `${page.title} · ${this.session.team} · pointsman`;
    this.frame.main.append(page.node);
    scrollTo(0, this.places.get(this.route.address) ?? 0);
    if (before) this.frame.main.focus({ preventScroll: true });
    page.shown?.();
  }

  retitle(title) {
    document.title = `${title} · ${this.session.team} · pointsman`;
  }
}

function nowhere(key) {
  return { here: key, title: "No such page", node: element("div", { class: "empty" },
    element("h1", {}, "There is no such page"), element("a", { href: "#/now" }, "Go to Now")) };
}

function enter(session) {
  inside?.end();
  inside = new Inside(session);
}

function outside(token, fault = "") {
  document.title = "Sign in · pointsman";
  const page = signInPage(token, fault, enter);
  app.replaceChildren(page.node);
  page.focus();
}

async function start() {
  theme.start();
  // A hash is the page here: the skip link moves the focus only.
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
  const token = routes.takeToken();
  if (token) return outside(token);
  const fault = routes.takeFault();
  try {
    enter(await whoIsThere());
  } catch (error) {
    if (error.status === 401) outside("", fault);
    else app.replaceChildren(failed(error, () => location.reload()));
  }
}

start();
