// Follows the tasks of this page's pictures on the bridge, and fetches their results.

import { read } from "./calls.js";
import { pause } from "./clock.js";
import { change, findPicture, listTracked, picturesChanged } from "./pictures.js";
import { makePump } from "./pump.js";
import { tasks, tasksChanged, tasksRemoved } from "./store.js";
import { say, sayIfKnown } from "./texts.js";

const MOST_AT_ONCE = 2;
const AGAIN_MS = 2000;
// Cards and the filter ask for them again and again.
const chosen = new WeakMap();
const STATES = { open: "queue", inprogress: "classifying", completed: "classifying" };

// Pictures to look up; and those whose task has changed again in the meantime.
const pending = new Set();
const again = new Set();
const lookups = makePump(MOST_AT_ONCE, async (picture) => {
  // It may have been taken off the page.
  if (findPicture(picture.taskId) === picture) await lookUp(picture);
  pending.delete(picture);
  if (again.delete(picture)) want(picture);
});

/** Starts to follow: events name the tasks that have changed; a new list may lack old ones. */
export function followTasks() {
  tasksChanged.listen((ids) => {
    const tracked = ids === null ? listTracked() : [...ids].map(findPicture);
    for (const picture of tracked) if (picture !== undefined) note(picture);
  });
  tasksRemoved.listen((ids) => {
    for (const id of ids) {
      const picture = findPicture(id);
      if (picture !== undefined) change(picture, { state: "gone", result: null, problem: null });
    }
  });
  picturesChanged.listen((picture) => {
    // The task may have been completed before the answer to its upload arrived.
    if (picture?.state === "queue" && tasks.has(picture.taskId)) note(picture);
  });
}

/** Takes the task's state as it is known; asks for what is not known. */
function note(picture) {
  const task = tasks.get(picture.taskId);
  if (task === undefined) {
    if (picture.state !== "gone" && picture.result === null) want(picture);
  } else if (task.status !== "completed") {
    if (picture.state !== STATES[task.status]) {
      change(picture, { state: STATES[task.status], result: null, resultAt: null, problem: null });
    }
  } else if (picture.resultAt !== task.completedat) {
    want(picture);
  }
}

function want(picture) {
  if (pending.has(picture)) {
    again.add(picture);
    return;
  }
  pending.add(picture);
  lookups.add(picture);
}

async function lookUp(picture) {
  const { taskId } = picture;
  try {
    const known = tasks.get(taskId);
    const task = known ?? await read(`tasks/status/${taskId}/?wait=0`);
    if (picture.taskId !== taskId) return;
    if (task.status === "completed") await fetchResult(picture);
    else if (picture.state !== STATES[task.status]) change(picture, { state: STATES[task.status] });
  } catch (refusal) {
    if (picture.taskId !== taskId) return;
    if (refusal.status === 404) change(picture, { state: "gone", result: null, problem: null });
    // The next list asks again.
    else await pause(AGAIN_MS);
  }
}

async function fetchResult(picture) {
  const { taskId } = picture;
  const completedAt = tasks.get(taskId)?.completedat ?? 0;
  const { result } = await read(`tasks/result/${taskId}/`);
  if (picture.taskId !== taskId || result === undefined) return;
  const predictions = readPredictions(result);
  const isDone = predictions.length > 0 || typeof result?.error !== "string";
  change(picture, {
    state: isDone ? "done" : "failed",
    result,
    resultAt: completedAt,
    problem: isDone ? null : () => sayFailure(result),
  });
}

/** The predictions of any result; of another worker's it may hold anything. */
export function readPredictions(result) {
  const found = Array.isArray(result?.predictions) ? result.predictions : [];
  return found.filter((each) => typeof each?.name === "string"
    && Number.isFinite(each.probability)).map((each) => ({
    class: String(each.class ?? ""),
    name: each.name,
    probability: Math.min(1, Math.max(0, each.probability)),
  }));
}

/** The categories of any result, most probable first, as many as are worth showing. */
export function readCategories(result) {
  const found = Array.isArray(result?.categories) ? result.categories : [];
  return found.filter((each) => typeof each?.name === "string"
    && Number.isFinite(each.probability)).map((each) => ({
    id: String(each.id ?? ""),
    name: each.name,
    level: String(each.level ?? ""),
    probability: Math.min(1, Math.max(0, each.probability)),
  }));
}

/** The categories that a picture is of: the best of both levels, and likely ones that overlap. */
export function chooseCategories(result) {
  // Only of objects, so that they can be remembered.
  if (!Array.isArray(result?.categories)) return [];
  if (!chosen.has(result)) {
    const found = readCategories(result);
    const best = ["coarse", "fine"].map((level) => found.find((each) => each.level === level));
    const further = found.filter((each) => each.level === "overlapping" && each.probability >= 0.5);
    chosen.set(result, [...best, ...further].filter(Boolean));
  }
  return chosen.get(result);
}

/** Whether the model's classes do not exclude each other, so that several or none may fit. */
export function isIndependent(result) {
  return result?.kind === "independent";
}

/** Why a worker has not classified a picture, in words for its code. */
export function sayFailure(result) {
  return sayIfKnown(`code_${result.code}`, String(result.error || say("failed")));
}
