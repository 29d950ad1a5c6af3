// A field to draw on, by mouse, touch, pen or keyboard, and to put a picture in.

import { make, say } from "./dom.js";

const side = 280; // of the field, in its own units
const step = 10; // of the keyboard's pen, a pixel of 28

// A Field is the column of a picture. changed is called when there is another.
export class Field {
  constructor(column, changed) {
    this.column = column;
    this.changed = changed;
    const [channels, height, width] = column.shape;
    this.digit = channels === 1 && height === 28 && width === 28;
    this.strokes = []; // of points [x, y]
    this.picture = null; // {file, bitmap}
    this.inverted = false;
    this.pen = { x: side / 2, y: side / 2, down: false, shown: false };
    this.element = this.build();
    this.paint();
  }

  build() {
    const name = this.column.name;
    this.canvas = make("canvas", {
      className: "paper", width: side * 2, height: side * 2, tabIndex: 0, role: "application", "aria-roledescription": "drawing field",
      "aria-label": `${name}: draw here`, "aria-describedby": "draw-help",
      onpointerdown: (e) => this.start(e), onpointermove: (e) => this.move(e), onpointerup: () => this.lift(), onpointercancel: () => this.lift(),
      onkeydown: (e) => this.key(e), onfocus: () => { this.pen.shown = this.canvas.matches(":focus-visible"); this.paint(); },
      onblur: () => { this.pen.shown = false; this.pen.down = false; this.paint(); },
    });
    this.hint = make("p", { className: "hint", "aria-hidden": "true" }, this.digit ? "Draw a digit" : "Draw, or drop a picture");
    const box = make("div", {
      className: "field",
      ondragover: (e) => { e.preventDefault(); box.classList.add("over"); },
      ondragleave: () => box.classList.remove("over"),
      ondrop: (e) => { e.preventDefault(); box.classList.remove("over"); this.take(e.dataTransfer.files); },
    }, this.canvas, this.hint);
    this.undoButton = make("button", { type: "button", onclick: () => this.undo() }, "Undo");
    this.clearButton = make("button", { type: "button", onclick: () => this.clear() }, "Clear");
    this.invertButton = make("button", { type: "button", "aria-pressed": "false", onclick: () => this.invert() }, "Invert");
    const choose = (label, props) => {
      const input = make("input", { type: "file", accept: "image/*", className: "unseen", tabIndex: -1, "aria-hidden": "true", ...props, onchange: () => { this.take(input.files); input.value = ""; } });
      return make("span", { className: props.className ?? "" }, make("button", { type: "button", onclick: () => input.click() }, label), input);
    };
    document.addEventListener("paste", this.paste = (e) => this.take(e.clipboardData.files));
    return make("div", {},
      box,
      make("div", { className: "tools", role: "group", "aria-label": "Drawing" },
        this.undoButton, this.clearButton, this.invertButton, choose("Choose a picture", { id: "choose" }), choose("Camera", { capture: "environment", className: "camera" })),
      make("p", { className: "help", id: "draw-help" },
        "Drop or paste a picture, too. By keyboard: arrows move a pen, ", make("kbd", {}, "space"), " lowers and lifts it, ",
        make("kbd", {}, "backspace"), " takes back."));
  }

  close() { document.removeEventListener("paste", this.paste); }

  // white tells whether ink is white on black, as MNIST has it.
  get white() { return this.digit !== this.inverted; }

  at(e) {
    const r = this.canvas.getBoundingClientRect();
    const limit = (v) => Math.min(side, Math.max(0, v));
    return [limit((e.clientX - r.left) / r.width * side), limit((e.clientY - r.top) / r.height * side)];
  }

  start(e) {
    if (e.button > 0) return;
    this.pen.shown = false;
    this.canvas.setPointerCapture(e.pointerId);
    this.begin(this.at(e));
    this.drawing = true;
  }

  begin(point) {
    this.picture = null;
    this.strokes.push([point]);
    this.update();
  }

  move(e) {
    if (!this.drawing) return;
    const events = e.getCoalescedEvents?.() ?? [];
    for (const p of events.length ? events : [e]) this.strokes.at(-1).push(this.at(p));
    this.update();
  }

  lift() { this.drawing = false; }

  key(e) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const pen = this.pen;
    if (e.ctrlKey || e.metaKey || e.altKey) {
      if ((e.ctrlKey || e.metaKey) && e.key === "z") { e.preventDefault(); this.undo(); }
      return;
    }
    if (moves[e.key]) {
      const far = e.shiftKey ? 4 : 1;
      pen.x = Math.min(side, Math.max(0, pen.x + moves[e.key][0] * step * far));
      pen.y = Math.min(side, Math.max(0, pen.y + moves[e.key][1] * step * far));
      if (pen.down) { this.strokes.at(-1).push([pen.x, pen.y]); this.update(); }
    } else if (e.key === " ") {
      pen.down = !pen.down;
      if (pen.down) this.begin([pen.x, pen.y]);
      say(pen.down ? "Pen down" : "Pen up");
    } else if (e.key === "Backspace") this.undo();
    else if (e.key === "Delete") this.clear();
    else return;
    e.preventDefault();
    pen.shown = true;
    this.paint();
  }

  undo() {
    if (this.picture) this.picture = null; else this.strokes.pop();
    this.pen.down = false;
    this.update();
  }

  clear() {
    this.picture = null;
    this.strokes = [];
    this.pen.down = false;
    this.update();
  }

  invert() {
    this.inverted = !this.inverted;
    this.invertButton.setAttribute("aria-pressed", this.inverted);
    this.update();
  }

  // take shows the first picture of a list of files.
  async take(files) {
    const file = [...files].find((f) => f.type.startsWith("image/"));
    if (!file) return;
    try {
      this.picture = { file, bitmap: await createImageBitmap(file) };
    } catch {
      say("This picture can't be shown.");
      this.picture = { file, bitmap: null }; // the server may read it all the same
    }
    this.strokes = [];
    this.update();
  }

  update() {
    this.paint();
    this.changed();
  }

  get empty() { return !this.picture && !this.strokes.length; }

  paint() {
    this.hint.hidden = !this.empty || this.pen.shown;
    this.hint.classList.toggle("dark", !this.white);
    this.undoButton.disabled = this.clearButton.disabled = this.empty;
    const c = this.canvas.getContext("2d");
    c.setTransform(2, 0, 0, 2, 0, 0);
    this.ground(c, side);
    if (this.picture) this.place(c, side, side);
    const far = Math.max(...this.column.shape.slice(1));
    this.ink(c, this.strokes, this.digit ? 22 : Math.max(6, side / far * 2));
    if (this.pen.shown) {
      c.strokeStyle = this.pen.down ? "#f0764a" : "#8a8494";
      c.lineWidth = 2;
      c.beginPath();
      c.arc(this.pen.x, this.pen.y, 13, 0, 7);
      c.moveTo(this.pen.x - 5, this.pen.y); c.lineTo(this.pen.x + 5, this.pen.y);
      c.moveTo(this.pen.x, this.pen.y - 5); c.lineTo(this.pen.x, this.pen.y + 5);
      c.stroke();
    }
  }

  ground(c, width, height = width) {
    c.fillStyle = this.white ? "#000" : "#fff";
    c.fillRect(0, 0, width, height);
  }

  // place draws the picture as large as it fits.
  place(c, width, height) {
    const b = this.picture.bitmap;
    if (!b) return;
    const k = Math.min(width / b.width, height / b.height);
    c.filter = this.inverted ? "invert(1)" : "none";
    c.drawImage(b, (width - k * b.width) / 2, (height - k * b.height) / 2, k * b.width, k * b.height);
    c.filter = "none";
  }

  ink(c, strokes, width) {
    c.strokeStyle = c.fillStyle = this.white ? "#fff" : "#000";
    c.lineWidth = width;
    c.lineCap = c.lineJoin = "round";
    for (const s of strokes) {
      c.beginPath();
      c.moveTo(...s[0]);
      for (let i = 1; i < s.length - 1; i++) c.quadraticCurveTo(...s[i], (s[i][0] + s[i + 1][0]) / 2, (s[i][1] + s[i + 1][1]) / 2);
      c.lineTo(s.at(-1)[0] + 0.01, s.at(-1)[1]); // a line without length is not drawn
      c.stroke();
    }
  }

  // value is the file to be sent, or null.
  async value() {
    if (this.empty) return null;
    if (this.picture && !(this.inverted && this.picture.bitmap)) return this.picture.file;
    const canvas = document.createElement("canvas");
    const c = canvas.getContext("2d");
    if (this.picture) {
      const b = this.picture.bitmap, k = Math.min(1, 1024 / Math.max(b.width, b.height));
      canvas.width = Math.round(k * b.width);
      canvas.height = Math.round(k * b.height);
      this.place(c, canvas.width, canvas.height);
    } else if (this.digit) {
      canvas.width = canvas.height = 28;
      this.center(c);
    } else {
      canvas.width = canvas.height = 2 * side;
      this.ground(c, 2 * side);
      c.scale(2, 2);
      this.ink(c, this.strokes, Math.max(6, side / Math.max(...this.column.shape.slice(1)) * 2));
    }
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }

  // center draws the strokes as MNIST was made: as large as a box of 20 pixels
  // allows, with the centre of mass in the middle of 28.
  center(c) {
    const xs = this.strokes.flat().map((p) => p[0]), ys = this.strokes.flat().map((p) => p[1]);
    const left = Math.min(...xs), top = Math.min(...ys);
    const extent = Math.max(Math.max(...xs) - left, Math.max(...ys) - top);
    const pen = 2.4, fine = 8; // pixels of the pen, and parts of a pixel
    const k = Math.min((20 - pen) / Math.max(extent, 1), 0.3); // what is drawn small stays small
    const large = document.createElement("canvas");
    large.width = large.height = 28 * fine;
    const l = large.getContext("2d", { willReadFrequently: true });
    const draw = (x, y) => {
      l.setTransform(1, 0, 0, 1, 0, 0);
      this.ground(l, 28 * fine);
      l.setTransform(k * fine, 0, 0, k * fine, x * fine, y * fine);
      this.ink(l, this.strokes, pen / k);
    };
    draw(4 + pen / 2 - k * left, 4 + pen / 2 - k * top);
    let mass = 0, sumX = 0, sumY = 0;
    const pixels = l.getImageData(0, 0, 28 * fine, 28 * fine).data;
    for (let i = 0; i < pixels.length; i += 4) {
      const m = this.white ? pixels[i] : 255 - pixels[i];
      mass += m;
      sumX += m * (i / 4 % (28 * fine) + 0.5);
      sumY += m * (Math.floor(i / 4 / (28 * fine)) + 0.5);
    }
    draw(18 + pen / 2 - k * left - sumX / mass / fine, 18 + pen / 2 - k * top - sumY / mass / fine);
    // The mean of each pixel's parts, as exactly as bytes can have it.
    const parts = l.getImageData(0, 0, 28 * fine, 28 * fine).data, out = c.createImageData(28, 28);
    for (let y = 0; y < 28; y++) for (let x = 0; x < 28; x++) {
      let sum = 0;
      for (let v = 0; v < fine; v++) for (let u = 0; u < fine; u++) sum += parts[4 * ((y * fine + v) * 28 * fine + x * fine + u)];
      out.data.set([sum / fine ** 2, sum / fine ** 2, sum / fine ** 2, 255], 4 * (28 * y + x));
    }
    c.putImageData(out, 0, 0);
  }
}
