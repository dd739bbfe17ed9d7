// Moves the focus through a long list by keys: one of its elements is in the tab order at a time.

export class Roving {
  constructor(rows) {
    this.rows = rows;
    // The key of the item that has, or would get, the focus.
    this.active = null;
    rows.host.addEventListener("focusin", (event) => this.take(event));
  }

  /** The place of the active item; the first one if it is gone. */
  get place() {
    return Math.max(0, this.rows.indexOf(this.active));
  }

  /** Whether an item's element is to be in the tab order. */
  holds(key, place) {
    return this.active === key || (place === 0 && this.rows.indexOf(this.active) < 0);
  }

  take(event) {
    for (const [key, element] of this.rows.elements) {
      if (element.contains(event.target)) {
        if (this.active !== key) {
          this.active = key;
          this.mark();
        }
        return;
      }
    }
  }

  mark() {
    for (const [key, element] of this.rows.elements) {
      element.tabIndex = key === this.active ? 0 : -1;
    }
  }

  /** The place that a key leads to; null for other keys. */
  findTarget(key) {
    const { columns } = this.rows.layout;
    const page = Math.max(1, Math.floor(window.innerHeight / this.rows.step)) * columns;
    const steps = {
      ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page,
      Home: -Infinity, End: Infinity,
      ...(columns > 1 ? { ArrowLeft: -1, ArrowRight: 1 } : {}),
    };
    if (!Object.hasOwn(steps, key) || this.rows.items.length === 0) return null;
    return Math.min(this.rows.items.length - 1, Math.max(0, this.place + steps[key]));
  }

  /** Moves to a place; gives its item. */
  moveTo(place) {
    const at = Math.min(place, this.rows.items.length - 1);
    if (at < 0) return null;
    this.active = this.rows.parts.keyOf(this.rows.items[at]);
    const element = this.rows.reveal(at);
    this.mark();
    element?.focus({ preventScroll: true });
    return this.rows.items[at];
  }
}
