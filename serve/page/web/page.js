// The page: which model is shown, and when it is asked.

import { ask, Line, path, setKey } from "./api.js";
import { find, later, make, say } from "./dom.js";
import { Input } from "./fields.js";
import { answer, mark, reason } from "./result.js";

const copies = 16; // noisy copies of a picture that its explanation is the mean of

let shown = null; // {model, input, why: asks for an explanation, version, again: a timer}
let wish = null; // the target and class that a person wants explained
const predictions = new Line(), explanations = new Line();

// start asks for the models.
async function start() {
  trouble(null);
  let list;
  try {
    list = (await ask("v1/predict")).models;
  } catch (e) {
    return trouble(e);
  }
  find("key").hidden = true;
  const newest = new Map(); // of each name the last version, which is the newest
  for (const m of list) newest.set(m.model, m);
  const models = [...newest.values()];
  if (!models.length) return trouble(new Error("There is no model here yet."));
  const nav = find("models");
  nav.hidden = models.length < 2;
  nav.replaceChildren(...models.map((m) => make("a", { href: "#" + encodeURIComponent(m.model) }, m.model)));
  const choose = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    show(models.find((m) => m.model === name) ?? models[0]);
  };
  onhashchange = choose;
  choose();
}

// show puts up the fields of a model.
function show(model) {
  if (shown?.model === model) return;
  shown?.input.close();
  predictions.stop();
  explanations.stop();
  wish = null;
  for (const a of find("models").children) {
    if (a.textContent === model.model) a.setAttribute("aria-current", "page"); else a.removeAttribute("aria-current");
  }
  document.title = `${model.model} · Gradus`;
  find("title").textContent = model.model;
  find("model").hidden = false;
  const soon = later(predict, 40);
  shown = { model, input: new Input(model, soon), why: later(explain, 120) };
  find("input").replaceChildren(shown.input.element);
  nothing();
}

function nothing() {
  find("answer").replaceChildren(make("p", { className: "empty" }, shown.model.ready === false ? shown.model.problem : "It comes as soon as there is an input."));
  const drawn = shown.model.columns.some((c) => c.kind === "image"); // beside a field it keeps its place
  find("reason").replaceChildren(make("p", { className: "empty" }, "It comes with the prediction."));
  find("why").hidden = !drawn;
  error(null);
}

// predict asks the model about what is in its fields.
async function predict() {
  const asked = shown, body = await asked.input.body();
  if (asked !== shown) return;
  if (!body) {
    predictions.stop();
    explanations.stop();
    return nothing();
  }
  let p;
  try {
    p = await predictions.ask(path("predict", asked.model.model), { method: "POST", ...body });
  } catch (e) {
    return fail(e, predict);
  }
  error(null);
  asked.version = p.version; // which explains what it said
  clearTimeout(asked.again);
  const focused = document.activeElement?.closest?.(".bars button")?.dataset.class;
  find("answer").replaceChildren(...answer(p, (target, name) => {
    wish = { target, class: name };
    mark(find("answer"), target, name);
    explain();
  }));
  if (focused !== undefined) [...document.querySelectorAll(".bars button")].find((b) => b.dataset.class === focused)?.focus();
  const first = Object.values(p.predictions[0])[0];
  if (first?.class !== undefined) {
    if (wish && !(p.predictions[0][wish.target]?.probabilities?.[wish.class] >= 0)) wish = null;
    say(`${first.class}, ${Math.round(100 * first.probability)} percent`);
  }
  asked.why();
}

// explain asks what the prediction rests on.
async function explain() {
  const asked = shown, body = await asked.input.body();
  if (asked !== shown || !body) return;
  const query = new URLSearchParams(wish ?? {});
  if (asked.model.columns.some((c) => c.kind === "image")) query.set("smooth", copies);
  let e;
  try {
    e = await explanations.ask(path("explain", asked.model.model, asked.version) + "?" + query, { method: "POST", ...body });
  } catch (x) {
    if (x.name === "AbortError" || asked !== shown) return;
    if (x.status === 0 || x.status === 404 || x.status === 429 || x.status >= 500) { // 404: another version has taken over
      clearTimeout(asked.again);
      asked.again = setTimeout(() => asked === shown && (x.status === 404 ? predict : asked.why)(), 1000 * (x.retry || 1));
      return;
    }
    find("why").hidden = true; // the model has nothing to tell
    return;
  }
  if (asked !== shown) return;
  mark(find("answer"), e.target, e.class);
  find("reason").replaceChildren(...reason(e));
  find("why").hidden = false;
}

// fail shows why a request was refused, and asks again where that helps.
function fail(e, again) {
  if (e.name === "AbortError") return;
  if (e.status === 401) return trouble(e);
  error(e.message.replace(/^Row 0: (.)/, (_, c) => c.toUpperCase()));
  if (e.status === 429 || e.status === 503) setTimeout(again, 1000 * (e.retry || 1));
}

function error(message) {
  find("error").hidden = !message;
  find("error").textContent = message ?? "";
  find("answer").classList.toggle("stale", Boolean(message));
}

// trouble tells of what concerns the whole page.
function trouble(e) {
  if (e?.status === 401) {
    find("key").hidden = false;
    find("key-value").focus();
  }
  find("trouble").hidden = !e || e.status === 401;
  find("trouble").textContent = e?.message ?? "";
}

find("key").addEventListener("submit", (e) => {
  e.preventDefault();
  setKey(find("key-value").value.trim());
  find("key-value").value = "";
  start();
});

start();
