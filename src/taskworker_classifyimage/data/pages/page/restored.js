// The tab's pictures survive a reload: their ids and names are kept, the bridge has the rest.

import { delay } from "./clock.js";
import { recall, remember } from "./memory.js";
import { addPictures, makePicture, pictures, picturesChanged } from "./pictures.js";

const SOON_MS = 300;
// Browsers keep some megabytes.
const MOST_KEPT = 20_000;

export function restorePictures() {
  const kept = recall("pictures", "sessionStorage") ?? [];
  addPictures(kept.map(([taskId, name, folder, size, since]) => makePicture({
    taskId, name, folder, size, since, state: "queue",
  })));
  picturesChanged.listen(delay(keep, SOON_MS));
  window.addEventListener("pagehide", keep);
}

function keep() {
  const kept = pictures.filter((each) => each.taskId !== null && each.state !== "gone");
  remember("pictures", kept.slice(0, MOST_KEPT).map((each) => [
    each.taskId, each.name, each.folder, each.size, each.since,
  ]), "sessionStorage");
}
