// Elements made in one line.

// make returns an element with properties, attributes and children. A property
// that begins with "on" is a listener; one with a dash, and role, an attribute.
export function make(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for") e.setAttribute(name, value);
    else e[name] = value;
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

export const find = (id) => document.getElementById(id);

// say tells a screen reader.
export function say(text) { find("status").textContent = text; }

// later returns a function that calls f once no call has come for a while.
export function later(f, ms) {
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(f, ms); };
}
