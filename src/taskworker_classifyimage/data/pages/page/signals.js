// Tells other parts of the page of a change.

export function makeSignal() {
  const listeners = [];
  let waiting = [];
  return {
    listen: (act) => { listeners.push(act); },
    // Promises the next change.
    next: () => new Promise((resolve) => { waiting.push(resolve); }),
    send: (...values) => {
      for (const act of listeners) act(...values);
      const told = waiting;
      waiting = [];
      for (const resolve of told) resolve();
    },
  };
}
