// The pictures of this page: where each is on its way from the user's disk to its result.

import { makeSignal } from "./signals.js";

// Called with the picture that has changed; null: others are there, or their order is another.
export const picturesChanged = makeSignal();

// Those that were added last are first.
export let pictures = [];
const byTask = new Map();
let lastKey = 0;

/** A picture that is not on the page yet. Its states:
 *
 * waiting, uploading, queue, classifying, done, failed, cancelled, and gone if its task is no longer
 * on the bridge.
 */
export function makePicture(facts) {
  lastKey += 1;
  return {
    key: `picture-${lastKey}`,
    name: "",
    folder: "",
    size: 0,
    // Null after a reload of the page: then only the bridge has it.
    file: null,
    state: "waiting",
    // Of the upload, 0 to 1.
    share: 0,
    taskId: null,
    // When the state began, in milliseconds since the epoch.
    since: Date.now(),
    result: null,
    // When the task was completed that the result is of.
    resultAt: null,
    // Why there is no result: a function that says it, so that it says it in any language.
    problem: null,
    tries: 0,
    ...facts,
  };
}

export function addPictures(added) {
  pictures = [...added, ...pictures];
  for (const each of added) if (each.taskId !== null) byTask.set(each.taskId, each);
  picturesChanged.send(null);
}

export function dropPictures(dropped) {
  const gone = new Set(dropped);
  pictures = pictures.filter((each) => !gone.has(each));
  for (const each of gone) byTask.delete(each.taskId);
  picturesChanged.send(null);
}

export function findPicture(taskId) {
  return byTask.get(taskId);
}

export function listTracked() {
  return [...byTask.values()];
}

export function change(picture, values) {
  if (values.state !== undefined && values.state !== picture.state) picture.since = Date.now();
  if ("taskId" in values) {
    byTask.delete(picture.taskId);
    if (values.taskId !== null) byTask.set(values.taskId, picture);
  }
  Object.assign(picture, values);
  picturesChanged.send(picture);
}

const GROUPS = {
  waiting: "busy", uploading: "busy", queue: "busy", classifying: "busy",
  done: "done", failed: "failed", cancelled: "failed", gone: "failed",
};

/** "busy", "done" or "failed". */
export function groupOf(picture) {
  return GROUPS[picture.state];
}

export function isUploading(picture) {
  return picture.state === "waiting" || picture.state === "uploading";
}

export function countGroups() {
  const counts = { all: pictures.length, busy: 0, done: 0, failed: 0 };
  for (const each of pictures) counts[groupOf(each)] += 1;
  return counts;
}
