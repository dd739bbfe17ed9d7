// What is remembered: choices in this browser, ids of tasks and the token in this tab.

const PREFIX = "taskworker.";

/** A remembered value, or null; browsers may forbid to remember anything. */
export function recall(key, storage = "localStorage") {
  try {
    return JSON.parse(window[storage].getItem(PREFIX + key));
  } catch {
    return null;
  }
}

export function remember(key, value, storage = "localStorage") {
  try {
    window[storage].setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // Forbidden or full: the page works without.
  }
}
