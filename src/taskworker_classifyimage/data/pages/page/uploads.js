// Sends pictures to the bridge, a few at a time, with their progress.

import { readReason, Refusal, sayRefusal } from "./calls.js";
import { pause } from "./clock.js";
import { connection, connectionChanged } from "./live.js";
import { choices } from "./names.js";
import { change } from "./pictures.js";
import { makePump } from "./pump.js";
import { removeTask } from "./task-actions.js";
import { say, saySize } from "./texts.js";
import { makeHeaders, settleRefusal } from "./token.js";

// Browsers open six connections to a server; the others are for events and results.
const MOST_AT_ONCE = 3;
// What the worker takes; to send more would be in vain.
export const MOST_BYTES = 256 * 2 ** 20;
// As many predictions as can be chosen: choosing another number then needs no new classification.
export const MOST_PREDICTIONS = 20;
// Of these it is not told in time that they are sent completely.
const SMALL_BYTES = 2 ** 18;
const MOST_TRIES = 3;
const BUSY_PAUSE_MS = 2000;
export const TASK_TYPE = "classifyimage";

const pump = makePump(MOST_AT_ONCE, upload);
const requests = new Map();

/** Sends a picture once it is its turn. */
export function send(picture) {
  if (picture.file.size > MOST_BYTES) {
    const problem = () => say("too_large_to_send", { size: saySize(MOST_BYTES) });
    change(picture, { state: "failed", problem });
    return;
  }
  change(picture, { state: "waiting", share: 0, problem: null, result: null, taskId: null });
  pump.add(picture);
}

/** Ends the upload of a picture, or its waiting for one. */
export function cancelUpload(picture) {
  pump.drop(picture);
  // What has been sent completely becomes a task, which is removed once its id is known.
  if (picture.share < 1 && picture.size > SMALL_BYTES) requests.get(picture)?.abort();
  change(picture, { state: "cancelled" });
}

async function upload(picture) {
  while (connection === "offline") await connectionChanged.next();
  if (picture.state !== "waiting") return;
  change(picture, { state: "uploading", share: 0, tries: picture.tries + 1 });
  const headers = makeHeaders();
  const { status, text, scheme } = await post(picture, headers);
  if (status === 200) {
    await take(picture, text);
  } else if (picture.state !== "uploading") {
    return;
  } else if (status === 401) {
    await settleRefusal(headers, scheme);
    retry(picture);
  } else if ((status === 503 || status === 429 || status === 0) && picture.tries < MOST_TRIES) {
    change(picture, { state: "waiting" });
    await pause(BUSY_PAUSE_MS * picture.tries);
    retry(picture);
  } else {
    const refusal = new Refusal(status, readReason(text));
    const problem = status === 0 ? () => say("not_sent") : () => sayRefusal(refusal);
    change(picture, { state: "failed", problem });
  }
}

/** The answer of the bridge holds the id of the task. */
async function take(picture, text) {
  const taskId = readId(text);
  if (picture.state !== "uploading") {
    if (taskId !== null) await removeTask(taskId).catch(() => {});
  } else if (taskId === null) {
    // What answers is not the bridge.
    change(picture, { state: "failed", problem: () => say("not_sent") });
  } else {
    change(picture, { state: "queue", taskId, share: 1 });
  }
}

function readId(text) {
  try {
    return String(JSON.parse(text).id);
  } catch {
    return null;
  }
}

function retry(picture) {
  if (picture.state !== "waiting" && picture.state !== "uploading") return;
  change(picture, { state: "waiting" });
  pump.add(picture);
}

/** Posts the form; only XMLHttpRequest tells how much has been sent. Status 0: no answer. */
function post(picture, headers) {
  const request = new XMLHttpRequest();
  requests.set(picture, request);
  return new Promise((resolve) => {
    request.open("POST", "api/tasks/add/");
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      if (picture.state === "uploading") change(picture, { share: total > 0 ? loaded / total : 0 });
    });
    request.addEventListener("loadend", () => {
      requests.delete(picture);
      resolve({
        status: request.status,
        text: request.responseText,
        scheme: request.getResponseHeader("WWW-Authenticate"),
      });
    });
    request.send(makeForm(picture.file));
  });
}

function makeForm(file) {
  const form = new FormData();
  const data = {
    targetlanguage: choices.language, numberofpredictions: MOST_PREDICTIONS, categories: true,
  };
  form.append("json", JSON.stringify({ type: TASK_TYPE, data }));
  // The names of files stay in the browser.
  form.append("file", file, "picture");
  return form;
}
