// Tells other parts of the page of a change.

export function makeSignal() {
  const listeners = [];
  return {
    listen: (act) => { listeners.push(act); },
    send: (...values) => { for (const act of listeners) act(...values); },
  };
}
