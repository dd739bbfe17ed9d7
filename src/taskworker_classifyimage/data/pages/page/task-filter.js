// Which of the bridge's tasks are shown.

import { findPicture } from "./pictures.js";
import { order, stateOf, tasks } from "./store.js";

export const STATES = ["all", "open", "inprogress", "completed", "failed"];

export const filter = { state: "all", type: "", worker: "", words: [] };

export function isFiltered() {
  return filter.state !== "all" || filter.type !== "" || filter.worker !== ""
    || filter.words.length > 0;
}

export function clearFilter() {
  Object.assign(filter, { state: "all", type: "", worker: "", words: [] });
}

export function setWords(text) {
  filter.words = text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** The tasks that match, newest first, how many of each state match but for it, and the names. */
export function findTasks() {
  const found = [];
  const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
  const types = new Set();
  const workers = new Set();
  for (const id of order) {
    const task = tasks.get(id);
    types.add(task.type);
    if (task.worker !== undefined) workers.add(task.worker);
    if (!matches(task)) continue;
    const state = stateOf(task);
    counts.all += 1;
    counts[state] += 1;
    if (filter.state === "all" || filter.state === state) found.push(task);
  }
  return { found, counts, types: [...types].sort(), workers: [...workers].sort() };
}

function matches(task) {
  if (filter.type !== "" && task.type !== filter.type) return false;
  if (filter.worker !== "" && task.worker !== filter.worker) return false;
  if (filter.words.length === 0) return true;
  const name = findPicture(task.id)?.name ?? "";
  const text = [task.id, task.type, task.worker, task.error, name].join("\n").toLowerCase();
  return filter.words.every((word) => text.includes(word));
}
