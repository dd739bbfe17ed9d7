// The time of the bridge, whose clock may differ from this machine's.

const TOLERATED_MS = 2000;
let ahead = 0;

/** Compares the clocks, by the Date header of an answer. */
export function compareClocks(date) {
  const there = Date.parse(date ?? "");
  if (Number.isNaN(there)) return;
  const difference = there - Date.now();
  // The header has whole seconds.
  ahead = Math.abs(difference) > TOLERATED_MS ? difference : 0;
}

/** Milliseconds since the epoch, as the bridge counts them. */
export function now() {
  return Date.now() + ahead;
}

export function pause(milliseconds) {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds); });
}

/** Calls at most once in some milliseconds, with what came last. */
export function delay(act, milliseconds) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
}

/** Calls when the browser draws next; many calls act once. */
export function onceAFrame(act) {
  let frame = 0;
  return () => {
    if (frame === 0) frame = requestAnimationFrame(() => { frame = 0; act(); });
  };
}

/** Calls at once, and then at most once in some milliseconds. */
export function atMostEvery(milliseconds, act) {
  let timer = 0;
  let calledAt = -Infinity;
  return () => {
    if (timer !== 0) return;
    const wait = Math.max(0, calledAt + milliseconds - performance.now());
    timer = setTimeout(() => {
      timer = 0;
      calledAt = performance.now();
      act();
    }, wait);
  };
}
