// The tasks and workers of the bridge, as far as they are known here.

import { makeSignal } from "./signals.js";

// More are not listed; nobody looks through them one by one.
export const MOST_LISTED = 10_000;
const MOST_KEPT = 12_000;

// Called with the ids that have changed; null: perhaps all.
export const tasksChanged = makeSignal();
export const tasksRemoved = makeSignal();
export const countsChanged = makeSignal();
export const workersChanged = makeSignal();

// By id; and the ids, newest task first.
export const tasks = new Map();
export let order = [];
// How many there are in each state; null: not known yet.
export let counts = null;
export let workers = null;
let workersAt = 0;

/** Takes the list of tasks, newest first. */
export function replaceTasks(listed) {
  tasks.clear();
  for (const task of listed) tasks.set(task.id, task);
  order = listed.map((task) => task.id);
  tasksChanged.send(null);
}

export function applyChanges(changed, removed) {
  const added = [];
  for (const task of changed) {
    if (!tasks.has(task.id)) added.push(task);
    tasks.set(task.id, task);
  }
  if (added.length > 0) addFirst(added);
  if (removed.length > 0) removeTasks(removed);
  if (changed.length > 0) tasksChanged.send(new Set(changed.map((task) => task.id)));
}

/** New tasks are the newest; those that are older than the list are left out. */
function addFirst(added) {
  const oldest = order.length < MOST_LISTED ? 0 : tasks.get(order.at(-1)).createdat;
  const newest = added.filter((task) => task.createdat >= oldest);
  for (const task of added) if (task.createdat < oldest) tasks.delete(task.id);
  newest.sort((one, other) => other.createdat - one.createdat);
  order = [...newest.map((task) => task.id), ...order];
  if (order.length > MOST_KEPT) {
    for (const id of order.slice(MOST_LISTED)) tasks.delete(id);
    order = order.slice(0, MOST_LISTED);
  }
}

/** Forgets tasks that are no longer on the bridge. */
export function removeTasks(ids) {
  const gone = new Set(ids);
  for (const id of gone) tasks.delete(id);
  order = order.filter((id) => !gone.has(id));
  tasksRemoved.send(gone);
}

export function setCounts(next) {
  counts = next;
  countsChanged.send();
}

/** Counts the listed tasks, where no event tells the counts. */
export function countTasks() {
  const next = { open: 0, inprogress: 0, completed: 0, failed: 0 };
  for (const task of tasks.values()) {
    next[task.status] += 1;
    if (task.error !== undefined) next.failed += 1;
  }
  setCounts(next);
}

export function setWorkers(next) {
  workers = next;
  workersAt = Date.now();
  workersChanged.send();
}

/** For how many milliseconds a worker has not asked. */
export function silenceOf(worker) {
  return worker.waiting ? 0 : worker.lastping + (Date.now() - workersAt);
}

/** How a task is: its status, or "failed". */
export function stateOf(task) {
  return task.error === undefined ? task.status : "failed";
}
