// <tp-framing>: the source picture behind the shape that is cut out of it, and the boxes of who
// speaks. Dragged, pinched, moved by keys; the sliders under it do the same.

import { send } from "./bus.js";
import { nudged, settled, widths, zoomed } from "./crop.js";
import { gestures } from "./framing_gestures.js";
import { STYLE } from "./framing_style.js";
import { adopt, element } from "./shadow.js";
import { words } from "./words.js";

const LABEL_PX = 24; // room above a box for its name
const IDLE_MS = 300; // after the last key or turn of the wheel
const NUDGE = 0.01;
const FAR = 0.05; // with Shift
const ZOOM = 1.05;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Framing extends HTMLElement {
  static observedAttributes = ["picture", "width", "height", "left", "top", "crop", "speakers"];

  #pane = element("div", { className: "pane", tabIndex: 0 });
  #image = element("img", { alt: "", draggable: false });
  #shape = element("div", { className: "shape" });
  #boxes = element("div");
  #crop = { left: 0, top: 0, width: 1 };
  #speakers = [];
  #mine = 0; // movements and sendings under way: until they end, the server's numbers are old
  #before = ""; // how things stood when the movement began
  #later = null; // what `sendLater` will send: its timer and its speaker
  #due = false;
  #resized = new ResizeObserver(() => this.#draw());

  constructor() {
    super();
    this.attachInternals().role = "group";
    this.#pane.setAttribute("role", "group");
    this.#pane.setAttribute("aria-label", words("framingLabel"));
    this.#pane.append(this.#image, this.#shape, this.#boxes);
    adopt(this, STYLE).append(this.#pane);
    gestures(this, this.#shape);
  }

  connectedCallback() {
    this.#resized.observe(this);
    this.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("click", this.#sendNow, { capture: true });
  }

  disconnectedCallback() {
    this.#resized.disconnect();
    document.removeEventListener("click", this.#sendNow, { capture: true });
  }

  connectedMoveCallback() {} // stays as it is when the page moves it (shell.js)

  attributeChangedCallback() {
    if (this.#due) return; // they change one by one and are looked at together
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#read();
    });
  }

  /** The upright source picture's size. */
  get size() {
    return { width: this.#number("width"), height: this.#number("height") };
  }

  /** The shape's width / height. */
  get ratio() {
    return this.#number("shape-width") / this.#number("shape-height");
  }

  get crop() {
    return this.#crop;
  }

  /** Each speaker's {number, label, box}. */
  get speakers() {
    return this.#speakers;
  }

  /** The widest crop there may be; one that was wider from the start stays allowed. */
  get widest() {
    return Math.max(widths(this.size, this.ratio).most, this.#number("crop"));
  }

  /** The crop as much wider as is allowed, about a point given as parts of its own size. */
  zoomed(by, across = 0.5, down = 0.5) {
    const { least } = widths(this.size, this.ratio);
    const width = Math.min(Math.max(this.#crop.width * by, least), this.widest);
    return zoomed(this.#crop, width, this.ratio, across, down);
  }

  /** Move to a crop, or to the nearest that is allowed. */
  moveTo(crop) {
    this.#crop = settled(crop, this.size, this.ratio, this.widest);
    this.#draw();
  }

  moveBox(index, box) {
    this.#speakers[index].box = box;
    this.#draw();
  }

  /** A movement begins; `send` ends it. */
  begin() {
    this.#mine += 1;
    this.#before = this.#state();
  }

  /** Tell the server where the crop is, or the box of speaker `index`. */
  async send(index = null) {
    const action = index === null ? this.#cropped() : this.#boxed(index);
    if (this.#state() !== this.#before) await send(action);
    this.#mine -= 1;
    this.#read();
  }

  /** Move, and tell the server once no more keys and turns of the wheel come. */
  sendLater(move, index = null) {
    if (this.#later && this.#later.index !== index) this.#sendNow();
    if (!this.#later) this.begin();
    clearTimeout(this.#later?.timer);
    this.#later = { index, timer: setTimeout(this.#sendNow, IDLE_MS) };
    move();
  }

  #sendNow = () => {
    if (!this.#later) return;
    const { index, timer } = this.#later;
    clearTimeout(timer);
    this.#later = null;
    this.send(index);
  };

  #state() {
    return JSON.stringify([this.#crop, this.#speakers]);
  }

  #cropped() {
    const [left, top, width] = ["left", "top", "width"].map((name) => Math.round(this.#crop[name]));
    return { do: "crop", left, top, width };
  }

  #boxed(index) {
    const [left, top, right, bottom] = this.#speakers[index].box.map(Math.round);
    return { do: "box", index, left, top, right, bottom };
  }

  #number(name) {
    return Number(this.getAttribute(name));
  }

  #read() {
    if (this.#mine) return;
    const picture = this.getAttribute("picture") ?? "";
    if (this.#image.getAttribute("src") !== picture) this.#image.src = picture;
    const [left, top, width] = ["left", "top", "crop"].map((name) => this.#number(name));
    this.#crop = { left, top, width };
    this.#speakers = JSON.parse(this.getAttribute("speakers") ?? "[]");
    this.#draw();
  }

  #key(event) {
    const arrow = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    let moved;
    if (arrow) {
      const [across, down] = arrow.map((way) => way * (event.shiftKey ? FAR : NUDGE));
      moved = nudged(this.#crop, across, down, this.ratio);
    } else if (["+", "=", "-"].includes(event.key)) {
      moved = this.zoomed(event.key === "-" ? ZOOM : 1 / ZOOM);
    } else {
      return;
    }
    event.preventDefault();
    this.sendLater(() => this.moveTo(moved));
  }

  // The shape as large as it fits; the picture where its crop fills the shape.
  #draw() {
    const { clientWidth, clientHeight } = this;
    if (!clientWidth || !this.#number("width")) return;
    const width = Math.min(clientWidth, clientHeight * this.ratio);
    const height = width / this.ratio;
    const [x, y] = [(clientWidth - width) / 2, (clientHeight - height) / 2];
    place(this.#shape, x, y, width, height);
    const scale = width / this.#crop.width;
    const on = (px, py) => [x + (px - this.#crop.left) * scale, y + (py - this.#crop.top) * scale];
    place(this.#image, ...on(0, 0), this.size.width * scale, this.size.height * scale);
    this.#drawBoxes(on, scale);
    this.dispatchEvent(new Event("tp-framing", { bubbles: true }));
  }

  #drawBoxes(on, scale) {
    while (this.#boxes.children.length > this.#speakers.length) this.#boxes.lastChild.remove();
    this.#speakers.forEach(({ number, label, box }, index) => {
      if (!this.#boxes.children[index]) this.#boxes.append(boxElement());
      const drawn = this.#boxes.children[index];
      const [left, top, right, bottom] = box;
      const [x, y] = on(left, top);
      drawn.className = `box voice-${number}`;
      drawn.classList.toggle("inside", y < LABEL_PX);
      drawn.firstChild.textContent = label;
      place(drawn, x, y, (right - left) * scale, (bottom - top) * scale);
    });
  }
}

// The sliders are for the keyboard; this is for the pointer.
function boxElement() {
  const made = element("div", {}, element("span"), element("i", { className: "corner" }));
  made.setAttribute("aria-hidden", "true");
  return made;
}

function place({ style }, x, y, width, height) {
  style.transform = `translate(${x}px, ${y}px)`;
  style.width = `${width}px`;
  style.height = `${height}px`;
}

customElements.define("tp-framing", Framing);
