// The input of a model: a field for each column.

import { make, say } from "./dom.js";
import { Field } from "./draw.js";

// An Input is what a model takes. changed is called after every change.
export class Input {
  constructor(model, changed) {
    this.model = model;
    this.changed = changed;
    this.fields = model.columns.map((c) => this.field(c));
    this.element = make("form", { className: "fields", onsubmit: (e) => { e.preventDefault(); changed(); } });
    const many = this.fields.length > 1;
    this.element.classList.toggle("many", many);
    this.element.append(...this.fields.map((f) => f.element));
    if (many && !model.columns.some((c) => c.kind === "image" || c.kind === "audio" || c.kind === "array")) this.element.append(this.paste());
  }

  close() { for (const f of this.fields) f.close?.(); }

  field(column) {
    switch (column.kind) {
      case "image": return new Field(column, this.changed);
      case "text": return new Plain(column, this.changed, make("textarea", { rows: 7, placeholder: "Type or paste a text" }));
      case "array": return new Plain(column, this.changed, make("textarea", { rows: 5, placeholder: `JSON: numbers of the shape [${column.shape}]`, spellcheck: false }));
      case "audio": return new Sound(column, this.changed);
      case "category":
        if (column.choices?.length) return new Plain(column, this.changed, choice(column));
    }
    return new Plain(column, this.changed, make("input", { type: "text", inputMode: column.kind === "number" ? "decimal" : "text", autocomplete: "off", spellcheck: false,
      placeholder: column.kind === "time" ? "2026-01-31" : "" }));
  }

  // paste is a box for a row of a table.
  paste() {
    const names = this.model.columns.map((c) => c.name);
    const area = make("textarea", { id: "row", rows: 2, spellcheck: false, placeholder: names.join(",") });
    area.addEventListener("input", () => {
      const rows = csv(area.value).filter((r) => r.some((v) => v.trim()));
      if (!rows.length) return;
      const head = rows.length > 1 ? rows[0].map((v) => v.trim()) : names;
      const row = rows.at(-1);
      let n = 0;
      for (const f of this.fields) {
        const at = head.indexOf(f.column.name);
        if (at >= 0 && at < row.length) { f.set(row[at].trim()); n++; }
      }
      say(`${n} columns filled in`);
      this.changed();
    });
    return make("details", { className: "wide" }, make("summary", {}, "Paste a row"),
      make("label", { for: "row" }, "CSV, with a header line or in the order of the fields"), area);
  }

  // body is what a request sends, or null as long as something is missing.
  async body() {
    const values = await Promise.all(this.fields.map((f) => f.value()));
    if (this.fields.some((f, i) => values[i] === null && !(f.column.missing && this.fields.length > 1))) return null;
    if (values.every((v) => v === null)) return null;
    const files = values.some((v) => v instanceof Blob);
    if (files && values.length === 1) return { body: values[0], headers: { "Content-Type": values[0].type || "application/octet-stream" } };
    if (files) {
      const form = new FormData();
      values.forEach((v, i) => { if (v !== null) form.append(this.fields[i].column.name, v instanceof Blob ? v : typeof v === "string" ? v : JSON.stringify(v)); });
      return { body: form };
    }
    const row = {};
    values.forEach((v, i) => { if (v !== null) row[this.fields[i].column.name] = v; });
    return { body: JSON.stringify({ rows: [row] }), headers: { "Content-Type": "application/json" } };
  }
}

function choice(column) {
  return make("select", {}, make("option", { value: "" }, column.missing ? "unknown" : "choose"), ...column.choices.map((c) => make("option", { value: c }, c)));
}

let number = 0; // of labels

// A Plain field is an input, a text area or a list of choices.
class Plain {
  constructor(column, changed, input) {
    this.column = column;
    this.input = input;
    input.id = "field-" + number++;
    input.name = column.name;
    input.addEventListener("input", changed);
    const optional = column.missing ? make("span", { className: "optional" }, " may be empty") : null;
    this.element = make("div", { className: "plain of-" + column.kind }, make("label", { for: input.id }, column.name, optional), input);
  }
  set(text) {
    if (this.input.tagName === "SELECT" && ![...this.input.options].some((o) => o.value === text)) text = "";
    this.input.value = text;
  }
  value() {
    const text = this.column.kind === "text" ? this.input.value : this.input.value.trim();
    if (!text.trim()) return null;
    if (this.column.kind !== "array") return text;
    try { return JSON.parse(text); } catch { return text; }
  }
}

// A Sound is a file that is chosen.
class Sound {
  constructor(column, changed) {
    this.column = column;
    this.input = make("input", { type: "file", accept: "audio/*", id: "field-" + number++, onchange: changed });
    this.element = make("div", { className: "plain wide" }, make("label", { for: this.input.id }, column.name), this.input);
  }
  value() { return this.input.files[0] ?? null; }
}

// csv splits lines in values; tabs divide where there are any.
function csv(text) {
  const comma = text.includes("\t") ? "\t" : !text.includes(",") && text.includes(";") ? ";" : ",";
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i], row = rows.at(-1);
    if (quoted) {
      if (c !== '"') row[row.length - 1] += c;
      else if (text[i + 1] === '"') { row[row.length - 1] += c; i++; } else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === comma) row.push("");
    else if (c === "\n") rows.push([""]);
    else if (c !== "\r") row[row.length - 1] += c;
  }
  return rows;
}
