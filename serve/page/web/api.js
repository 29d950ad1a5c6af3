// Requests to the server that the page came from.

const store = "gradus-key";
let key = null;
try { key = sessionStorage.getItem(store); } catch { /* kept in memory alone */ }

// setKey keeps the key for this tab.
export function setKey(k) {
  key = k;
  try { sessionStorage.setItem(store, k); } catch { /* as above */ }
}

// A Refusal is an answer that is an error.
export class Refusal extends Error {
  constructor(status, message, retry) {
    super(message);
    this.status = status;
    this.retry = retry; // seconds, if the server says when to come again
  }
}

// ask sends a request and returns what the JSON of its answer holds.
export async function ask(path, options = {}) {
  const headers = { Accept: "application/json", ...options.headers };
  if (key) headers.Authorization = "Bearer " + key;
  let r;
  try {
    r = await fetch(path, { ...options, headers, credentials: "same-origin", redirect: "error" });
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new Refusal(0, "The server does not answer.");
  }
  const text = await r.text();
  let value = {};
  try { value = JSON.parse(text); } catch { /* told below */ }
  if (r.ok) return value;
  throw new Refusal(r.status, sentence(value.error || `The server answers with ${r.status}.`), Number(r.headers.get("Retry-After")) || 0);
}

// sentence begins with a capital and ends with a period.
export function sentence(s) {
  s = s.trim();
  s = s.charAt(0).toUpperCase() + s.slice(1);
  return /[.!?]$/.test(s) ? s : s + ".";
}

// A Line has one request under way; a new one ends that before it.
export class Line {
  async ask(path, options) {
    this.stop();
    const c = this.current = new AbortController();
    return ask(path, { ...options, signal: c.signal });
  }
  stop() { this.current?.abort(); }
}

// path is that of a model under an endpoint; without a version the server chooses.
export function path(endpoint, model, version) {
  return `v1/${endpoint}/${encodeURIComponent(model)}` + (version ? `/versions/${encodeURIComponent(version)}` : "");
}
