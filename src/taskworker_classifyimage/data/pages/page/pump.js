// Works on some things at once, the others wait.

/** Takes how many at once, and what is done with each; that must not fail. */
export function makePump(most, act) {
  const waiting = new Set();
  let running = 0;

  async function run(item) {
    running += 1;
    try {
      await act(item);
    } finally {
      running -= 1;
      start();
    }
  }

  function start() {
    while (running < most && waiting.size > 0) {
      const [item] = waiting;
      waiting.delete(item);
      run(item);
    }
  }

  return {
    add: (item) => { waiting.add(item); start(); },
    drop: (item) => { waiting.delete(item); },
    keepOnly: (items) => {
      for (const each of waiting) if (!items.has(each)) waiting.delete(each);
    },
  };
}
