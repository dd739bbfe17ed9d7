// All about one task: its picture and its result side by side.

import { asPicture, fetchPicture, TooLarge } from "./bytes.js";
import { read, sayRefusal } from "./calls.js";
import { byId, make, makeIconButton, makeName } from "./dom.js";
import { makeFacts, makeFindings, makeLines } from "./findings.js";
import { findPicture, picturesChanged } from "./pictures.js";
import { tasksChanged, tasksRemoved } from "./store.js";
import { languageChanged, say, saySize } from "./texts.js";

// A larger file of others is not loaded only to look at it.
const MOST_BYTES = 100 * 2 ** 20;

let shown = null;

/** Takes {picture, taskId, thumbnail, step, leave}: the picture is null if it is none of this page's.
 *
 * step(by) shows another one; leave() is called at the end.
 */
export function showDetails(wanted) {
  leave();
  shown = { ...wanted, task: null, control: new AbortController(), url: null };
  const dialog = byId("details");
  draw(shown);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  // Of a task of others it is not known yet whether it has a file.
  if (shown.picture === null) loadTask(shown).then(loadPicture);
  else Promise.all([loadTask(shown), loadPicture(shown)]);
}

export function connectDetails() {
  const dialog = byId("details");
  dialog.addEventListener("close", () => {
    const returnTo = shown?.leave;
    leave();
    returnTo?.();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by !== undefined && !event.target.closest("pre")) shown?.step(by);
  });
  tasksChanged.listen((ids) => {
    if (shown !== null && (ids === null || ids.has(shown.taskId))) loadTask(shown);
  });
  tasksRemoved.listen((ids) => { if (shown !== null && ids.has(shown.taskId)) dialog.close(); });
  picturesChanged.listen((picture) => {
    if (shown === null || picture === null || picture !== shown.picture) return;
    if (shown.taskId !== picture.taskId) showDetails({ ...shown, taskId: picture.taskId });
    else draw(shown);
  });
  languageChanged.listen(() => { if (shown !== null) draw(shown); });
}

function leave() {
  if (shown === null) return;
  shown.control.abort();
  if (shown.url !== null) URL.revokeObjectURL(shown.url);
  shown = null;
}

/** Gives back what it has read for. */
async function loadTask(wanted) {
  if (wanted.taskId === null) return wanted;
  try {
    const task = await read(`tasks/details/${wanted.taskId}/`, { signal: wanted.control.signal });
    if (shown === wanted) Object.assign(wanted, { task, problem: null });
  } catch (refusal) {
    if (shown === wanted) wanted.problem = sayRefusal(refusal);
  }
  if (shown === wanted) draw(wanted);
  return wanted;
}

async function loadPicture(wanted) {
  if (shown !== wanted) return;
  const { picture, task, taskId } = wanted;
  const own = picture?.file ?? null;
  if (own === null && (taskId === null || (task !== null && task.file === undefined))) {
    showWords(say("no_file"));
    return;
  }
  try {
    const { signal } = wanted.control;
    const blob = own === null
      ? await fetchPicture(taskId, MOST_BYTES, { signal })
      : await asPicture(own);
    if (shown === wanted) showImage(wanted, blob);
  } catch (refusal) {
    if (shown !== wanted) return;
    if (refusal instanceof TooLarge) showWords(say("file_too_large", { size: saySize(MOST_BYTES) }));
    else showWords(say(refusal.status === 404 ? "no_file" : "file_not_read"));
  }
}

function showImage(wanted, blob) {
  if (blob === null) {
    showWords(say("no_preview_large"));
    return;
  }
  wanted.url = URL.createObjectURL(blob);
  const image = make("img");
  image.alt = say("picture_of", { name: wanted.picture?.name || wanted.taskId });
  image.addEventListener("error", () => { if (shown === wanted) showWords(say("no_preview_large")); });
  image.src = wanted.url;
  image.draggable = false;
  byId("details-picture").replaceChildren(image);
}

function showWords(text) {
  byId("details-picture").replaceChildren(make("p", "soft", text));
}

/** Draws all but the picture, which stays while the task goes on. */
function draw(wanted) {
  const place = byId("details-body");
  const isOther = place.dataset.of !== keyOf(wanted);
  if (isOther) {
    place.dataset.of = keyOf(wanted);
    byId("details-picture").replaceChildren(makeFirstSight(wanted));
  }
  byId("details-head").replaceChildren(...makeHead(wanted));
  const focused = place.contains(document.activeElement) && document.activeElement.dataset.act;
  const open = place.querySelector("details")?.open === true;
  place.replaceChildren(...makeFindings(wanted), makeFacts(wanted), ...makeLines(wanted));
  const json = place.querySelector("details");
  if (json !== null && open && !isOther) json.open = true;
  if (focused) place.querySelector(`[data-act="${focused}"]`)?.focus();
}

function keyOf({ picture, taskId }) {
  return picture?.key ?? taskId;
}

/** The thumbnail until the picture itself is there. */
function makeFirstSight({ thumbnail }) {
  if (!thumbnail) return make("p", "soft", say("loading"));
  const image = make("img");
  image.alt = "";
  image.src = thumbnail;
  return image;
}

function makeHead({ picture, taskId, step }) {
  const own = picture ?? findPicture(taskId);
  const title = make("h2");
  title.id = "details-title";
  title.append(makeName(own?.name || taskId));
  const close = makeIconButton("close", say("close"), () => byId("details").close());
  const before = makeIconButton("before", say("previous"), () => step(-1));
  const after = makeIconButton("after", say("next"), () => step(1));
  const focused = document.activeElement?.dataset?.act;
  for (const [button, act] of [[close, "close"], [before, "before"], [after, "after"]]) {
    button.dataset.act = act;
    if (focused === act) queueMicrotask(() => button.focus());
  }
  return [title, before, after, close];
}
