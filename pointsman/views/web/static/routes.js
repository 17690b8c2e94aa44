// Ways to pages: `#/runs/ID?step=3`. The address holds what is looked at, so that a link, a reload
// and the back button show it again.

export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { page: parts[0] || "now", rest: parts.slice(1), query: new URLSearchParams(query) };
}

export function way(page, rest = [], query = {}) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) {
      if (one !== "" && one !== null && one !== undefined) asked.append(name, one);
    }
  }
  const text = asked.toString();
  const path = [page, ...rest].map(encodeURIComponent).join("/");
  return `/${path}${text ? `?${text}` : ""}`;
}

export const runWay = (run, query = {}) => way("runs", [run], query);

// Goes there: a new entry of the history.
export function go(to) {
  location.hash = to;
}

// Changes the address without going anywhere: what is looked at changed within the page.
export function note(to) {
  history.replaceState(history.state, "", `#${to}`);
}

// The token that the terminal's link brings: taken, and gone from the address at once.
export function takeToken() {
  const found = /^#token=([^&]+)$/.exec(location.hash);
  if (!found) return "";
  history.replaceState(null, "", location.pathname);
  try {
    return decodeURIComponent(found[1]);
  } catch {
    return found[1];
  }
}

// Why the issuer's sign-in let nobody in, when that is what the address says: taken too.
export function takeFault() {
  const found = /^#signin=([a-z-]{1,20})$/.exec(location.hash);
  if (!found) return "";
  history.replaceState(null, "", location.pathname);
  return found[1];
}
