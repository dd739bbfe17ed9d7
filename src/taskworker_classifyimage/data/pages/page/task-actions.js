// Restarts and removes tasks, one or many.

import { call, sayRefusal } from "./calls.js";
import { announce, confirm } from "./dialogs.js";
import { makePump } from "./pump.js";
import { applyChanges, removeTasks, tasks } from "./store.js";
import { say, sayCount, sayNumber } from "./texts.js";

const MOST_AT_ONCE = 4;

export async function removeTask(id) {
  try {
    await call(`tasks/remove/${id}/`, { method: "DELETE" });
  } catch (refusal) {
    // Somebody else has removed it.
    if (refusal.status !== 404) throw refusal;
  }
}

export async function restartTask(id) {
  await call(`tasks/restart/${id}/`);
  const task = tasks.get(id);
  if (task === undefined) return;
  // What the bridge will tell of it.
  const { type, createdat, file } = task;
  applyChanges([{ id, type, createdat, file, status: "open" }], []);
}

/** Removes tasks once the user has confirmed how many; gives whether that was so. */
export async function removeMany(ids) {
  const isSure = await confirm(sayCount("confirm_remove", ids.length), sayCount("remove_n", ids.length));
  if (!isSure) return false;
  const done = await doAll(ids, removeTask, "removing");
  removeTasks(done);
  announce(sayCount("removed", done.length));
  return true;
}

export async function restartMany(ids) {
  if (ids.length > 1) {
    const question = sayCount("confirm_restart", ids.length);
    if (!await confirm(question, sayCount("restart_n", ids.length))) return false;
  }
  const done = await doAll(ids, restartTask, "restarting");
  announce(sayCount("restarted", done.length));
  return true;
}

/** Does something with each task; gives the ids with which it worked. */
export async function doAll(ids, act, text) {
  const done = [];
  let left = ids.length;
  let refused = null;
  await new Promise((resolve) => {
    const pump = makePump(MOST_AT_ONCE, async (id) => {
      try {
        // After a refusal the others are left alone, unless only this task was gone.
        if (refused === null) await act(id);
        if (refused === null) done.push(id);
      } catch (refusal) {
        if (refusal.status !== 404) refused = refusal;
      }
      left -= 1;
      if (left > 0 && left % 100 === 0) {
        announce(say(text, { n: sayNumber(ids.length - left), total: sayNumber(ids.length) }));
      }
      if (left === 0) resolve();
    });
    for (const id of ids) pump.add(id);
    if (ids.length === 0) resolve();
  });
  if (refused !== null) announce(sayRefusal(refused));
  return done;
}
