// What the buttons do with one picture or with all of them.

import { sayRefusal } from "./calls.js";
import { announce, confirm } from "./dialogs.js";
import {
  addPictures, change, dropPictures, groupOf, isUploading, pictures,
} from "./pictures.js";
import { doAll, removeTask, restartTask } from "./task-actions.js";
import { sayCount } from "./texts.js";
import { dropThumbnail } from "./thumbnails.js";
import { cancelUpload, send } from "./uploads.js";

/** Ends an upload; else takes the picture off the page and its task off the bridge. */
export async function removePicture(picture) {
  if (isUploading(picture)) {
    cancelUpload(picture);
    return;
  }
  await drop([picture]);
  announce(sayCount("removed_pictures", 1));
}

export async function removeAllPictures() {
  const count = pictures.length;
  const isSure = await confirm(sayCount("confirm_remove_pictures", count), sayCount("remove_pictures", count));
  if (!isSure) return;
  cancelAll();
  await drop([...pictures]);
  announce(sayCount("removed_pictures", count));
}

export function cancelAll() {
  for (const each of pictures) if (isUploading(each)) cancelUpload(each);
}

/** Has a picture classified again; sends it again if the bridge does not have it. */
export async function retryPicture(picture) {
  if (picture.taskId === null || picture.state === "gone") {
    if (picture.file !== null) {
      change(picture, { tries: 0 });
      send(picture);
    }
    return;
  }
  try {
    await restartTask(picture.taskId);
    change(picture, { state: "queue", result: null, resultAt: null, problem: null });
  } catch (refusal) {
    if (refusal.status === 404) change(picture, { state: "gone", result: null, problem: null });
    else announce(sayRefusal(refusal));
  }
}

export async function retryFailed() {
  await Promise.all(pictures.filter((each) => groupOf(each) === "failed").map(retryPicture));
}

/** Takes pictures off the page; those whose tasks the bridge does not remove come back. */
async function drop(dropped) {
  dropPictures(dropped);
  for (const each of dropped) dropThumbnail(each);
  const ids = dropped.filter((each) => each.taskId !== null).map((each) => each.taskId);
  const done = new Set(await doAll(ids, removeTask, "removing"));
  const left = dropped.filter((each) => each.taskId !== null && !done.has(each.taskId));
  if (left.length > 0) addPictures(left);
}
