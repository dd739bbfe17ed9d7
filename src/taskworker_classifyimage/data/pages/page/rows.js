// A long list of which only what is in view is in the document; the window scrolls it.

import { onceAFrame } from "./clock.js";
import { make } from "./dom.js";

// Pixels above and below the view that are drawn ahead.
const MARGIN = 500;

export class Rows {
  /** Takes the element that holds the list, and:
   *
   * measure(width): the layout as {columns, height, gap}, in pixels;
   * create(item): a new element; fill(element, item, place): its content, when it may have changed;
   * keyOf(item); onDrawn(items): what is drawn now.
   */
  constructor(host, parts) {
    this.host = host;
    this.parts = parts;
    this.items = [];
    this.layout = { columns: 1, height: 1, gap: 0 };
    this.elements = new Map();
    this.drawSoon = onceAFrame(() => this.draw());
    window.addEventListener("scroll", this.drawSoon, { passive: true });
    window.addEventListener("resize", this.drawSoon);
  }

  /** Shows other items; what is in view stays where it is, if the list begins above the view. */
  setItems(items) {
    const before = this.findAnchor();
    this.items = items;
    this.measure();
    if (before !== null) this.restoreAnchor(before);
    this.draw();
  }

  measure() {
    const width = this.host.clientWidth;
    if (width === 0) return;
    this.layout = this.parts.measure(width);
    const lines = Math.ceil(this.items.length / this.layout.columns);
    this.host.style.height = `${Math.max(0, lines * this.step - this.layout.gap)}px`;
    this.width = (width - this.layout.gap * (this.layout.columns - 1)) / this.layout.columns;
  }

  get step() {
    return this.layout.height + this.layout.gap;
  }

  draw() {
    if (this.host.offsetParent === null) return;
    if (this.host.clientWidth !== this.drawnWidth) {
      this.drawnWidth = this.host.clientWidth;
      this.measure();
    }
    const { columns } = this.layout;
    const top = this.findTop();
    const first = Math.max(0, Math.floor((top - MARGIN) / this.step)) * columns;
    const last = Math.ceil((top + window.innerHeight + MARGIN) / this.step) * columns;
    const wanted = new Map();
    for (let at = first; at < Math.min(last, this.items.length); at += 1) {
      wanted.set(this.parts.keyOf(this.items[at]), at);
    }
    this.keepFocused(wanted);
    this.place(wanted);
    this.parts.onDrawn?.([...wanted.values()].map((at) => this.items[at]));
  }

  /** How far the view is below the beginning of the list. */
  findTop() {
    return -this.host.getBoundingClientRect().top;
  }

  /** The element with the focus stays, wherever it is scrolled to. */
  keepFocused(wanted) {
    for (const [key, element] of this.elements) {
      if (wanted.has(key) || !element.contains(document.activeElement)) continue;
      const at = this.indexOf(key);
      if (at >= 0) wanted.set(key, at);
    }
  }

  place(wanted) {
    const focused = document.activeElement;
    for (const [key, element] of this.elements) {
      if (wanted.has(key)) continue;
      element.remove();
      this.elements.delete(key);
    }
    const sorted = [...wanted].sort(([, one], [, other]) => one - other);
    let next = this.host.firstElementChild;
    for (const [key, at] of sorted) {
      const element = this.findElement(key, at);
      if (element === next) next = next.nextElementSibling;
      else this.host.insertBefore(element, next);
      this.setPlace(element, at);
    }
    // An element that is moved loses the focus.
    if (focused !== document.activeElement && this.host.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
  }

  findElement(key, at) {
    let element = this.elements.get(key);
    if (element === undefined) {
      element = this.parts.create(this.items[at]);
      this.elements.set(key, element);
    }
    this.parts.fill(element, this.items[at], at);
    return element;
  }

  setPlace(element, at) {
    const { columns, height, gap } = this.layout;
    const x = (at % columns) * (this.width + gap);
    const y = Math.floor(at / columns) * this.step;
    element.style.width = `${this.width}px`;
    element.style.height = `${height}px`;
    element.style.transform = `translate(${x}px, ${y}px)`;
  }

  indexOf(key) {
    return this.items.findIndex((item) => this.parts.keyOf(item) === key);
  }

  findAnchor() {
    const top = this.findTop();
    if (this.items.length === 0 || top <= 0 || this.host.offsetParent === null) return null;
    const at = Math.floor(top / this.step) * this.layout.columns;
    if (at >= this.items.length) return null;
    return { key: this.parts.keyOf(this.items[at]), line: Math.floor(at / this.layout.columns) };
  }

  restoreAnchor({ key, line }) {
    const at = this.indexOf(key);
    if (at < 0) return;
    const moved = Math.floor(at / this.layout.columns) - line;
    if (moved !== 0) window.scrollBy({ top: moved * this.step, behavior: "instant" });
  }

  /** Scrolls as little as needed to show an item, and gives its element. */
  reveal(at) {
    const top = Math.floor(at / this.layout.columns) * this.step;
    const view = this.findTop();
    const covered = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
    const room = window.innerHeight - this.layout.height;
    if (top < view + covered) window.scrollBy({ top: top - view - covered, behavior: "instant" });
    else if (top > view + room) window.scrollBy({ top: top - view - room, behavior: "instant" });
    this.draw();
    return this.elements.get(this.parts.keyOf(this.items[at]));
  }
}

/** An empty element that a list places. */
export function makePlaced(tag, classes, role) {
  const element = make(tag, classes);
  element.setAttribute("role", role);
  return element;
}
