// What a model says, and what it rests on.

import { make } from "./dom.js";

const most = 10; // classes that are shown
const marks = 2000; // words that are underlined, where there are more

const percent = (p) => p > 0.9995 && p < 1 ? "> 99.9 %" : p > 0 && p < 0.0005 ? "< 0.1 %" : (100 * p).toFixed(1) + " %";
const short = (x) => typeof x === "number" ? Number(x.toPrecision(6)).toLocaleString("en", { maximumSignificantDigits: 6 }) : String(x);
const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toPrecision(2).replace(/\.?0+(e|$)/, "$1");

// answer shows a prediction; explain is called with the target and class that a
// person wants to know of.
export function answer(p, explain) {
  const parts = [];
  for (const [target, result] of Object.entries(p.predictions[0])) parts.push(one(target, result, explain));
  parts.push(make("p", { className: "time" }, `${p.time_ms.toFixed(1)} ms, version ${p.version}`));
  return parts;
}

function one(target, result, explain) {
  if (result?.probabilities) return classes(target, result, explain);
  if (typeof result === "number") return figure(target, result, target);
  if (result && typeof result === "object" && !Array.isArray(result)) {
    return make("div", {}, ...Object.entries(result).map(([name, v]) => typeof v === "number" ? figure(target, v, name) : other(name, v)));
  }
  return other(target, result);
}

function figure(target, value, name) {
  return make("p", { className: "figure", "data-target": target, "data-class": name }, make("span", {}, name), make("strong", {}, short(value)));
}

function other(name, value) {
  return make("div", { className: "other" }, make("h3", {}, name), make("pre", { tabIndex: 0 }, typeof value === "string" ? value : JSON.stringify(value, null, 1)));
}

// classes are bars: few in an order of their own, so that they hold still, and of
// many the most probable ones.
function classes(target, result, explain) {
  const all = Object.entries(result.probabilities);
  const list = all.length <= most ? all : all.sort((a, b) => b[1] - a[1]).slice(0, most);
  const best = Math.max(...list.map((x) => x[1]));
  const first = result.class ?? result.classes.join(", ");
  return make("div", { className: "classes", "data-target": target },
    make("p", { className: "figure" }, make("span", {}, target), make("strong", { className: "best" }, first || "none"),
      result.class ? make("em", {}, percent(result.probability)) : null),
    make("ol", { className: "bars", "aria-label": `Probabilities of ${target}; choose one to see what it rests on` }, ...list.map(([name, p]) => {
      const bar = make("span", { className: "bar" });
      bar.style.setProperty("--share", p);
      return make("li", { className: p === best ? "first" : "" }, make("button", { type: "button", "data-class": name, "aria-pressed": "false", onclick: () => explain(target, name) },
        make("span", { className: "name" }, name), make("span", { className: "track" }, bar), make("span", { className: "share" }, percent(p))));
    })));
}

// mark shows which class is explained.
export function mark(root, target, name) {
  for (const b of root.querySelectorAll(".bars button")) {
    b.setAttribute("aria-pressed", b.closest(".classes").dataset.target === target && b.dataset.class === name);
  }
}

// reason shows an explanation.
export function reason(e) {
  const what = e.kind === "log_odds" ? make("span", {}, "the log-odds of ", make("b", {}, e.class)) : make("b", {}, e.class);
  const parts = [];
  const pictures = e.columns.filter((c) => c.heat_map);
  const texts = e.columns.filter((c) => c.words);
  for (const c of pictures) parts.push(picture(e, c, what.cloneNode(true)));
  for (const c of texts) parts.push(...words(e, c, what.cloneNode(true)));
  const rest = e.columns.filter((c) => !c.heat_map && (e.columns.length > 1 || !c.words));
  if (rest.length) parts.push(...shares(e, rest, what.cloneNode(true)));
  return parts;
}

function picture(e, c, what) {
  const url = "data:image/png;base64," + c.heat_map;
  return make("figure", { className: "heat" },
    make("img", { src: url, alt: `${c.name} with the pixels lit up that matter most for ${e.class}` }),
    make("figcaption", {}, make("span", { className: "scale", "aria-hidden": "true" }), "Lighter: a small change there moves ", what, " more."));
}

// words underlines those that speak for or against.
function words(e, c, what) {
  const sizes = c.words.map((w) => Math.abs(w.share)).sort((a, b) => b - a);
  const top = sizes[0] || 1e-9, least = Math.max(0.08 * top, sizes[marks] ?? 0);
  const text = make("p", { className: "words" });
  for (const w of c.words) {
    const strength = Math.abs(w.share) / top;
    if (Math.abs(w.share) < least) { text.append(w.text); continue; }
    const m = make("mark", { className: w.share > 0 ? "for" : "against", title: signed(w.share) }, w.text);
    m.style.setProperty("--strength", strength.toFixed(2));
    text.append(m);
  }
  const sum = new Map();
  for (const w of c.words) if (w.text.trim()) sum.set(w.text.toLowerCase(), (sum.get(w.text.toLowerCase()) ?? 0) + w.share);
  const list = [...sum].sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 6).filter((x) => Math.abs(x[1]) > 0);
  return [
    make("p", { className: "caption" }, "Words move ", what, " ", make("span", { className: "key for" }, "up"), " or ", make("span", { className: "key against" }, "down"), "."),
    text,
    diverging(list.map(([name, share]) => ({ name, share })), "The words that matter most"),
  ];
}

function shares(e, columns, what) {
  const list = columns.map((c) => ({ name: c.name, share: c.share })).sort((a, b) => Math.abs(b.share) - Math.abs(a.share)).slice(0, 20);
  return [make("p", { className: "caption" }, "What each column adds to ", what, ", to first order."), diverging(list, "What each column adds")];
}

function diverging(list, label) {
  const top = Math.max(...list.map((x) => Math.abs(x.share)), 1e-9);
  return make("ul", { className: "diverging", "aria-label": label }, ...list.map(({ name, share }) => {
    const bar = make("span", { className: "bar " + (share < 0 ? "against" : "for") });
    bar.style.setProperty("--share", Math.abs(share) / top);
    return make("li", {}, make("span", { className: "name" }, name), make("span", { className: "track" }, bar), make("span", { className: "share" }, signed(share)));
  }));
}
