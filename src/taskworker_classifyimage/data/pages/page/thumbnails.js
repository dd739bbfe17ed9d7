// Small pictures for the cards: large ones would fill the memory.

import { asPicture, fetchPicture } from "./bytes.js";
import { makePump } from "./pump.js";

const WIDTH = 480;
const MOST_AT_ONCE = 2;
const MOST_KEPT = 1000;
// Larger ones are not fetched again only for a small picture.
const MOST_FETCHED_BYTES = 30 * 2 ** 20;

// By picture: a URL, or null if the browser cannot show it.
const thumbnails = new Map();
const visible = new Set();
const making = new Set();
let onMade = () => {};

const pump = makePump(MOST_AT_ONCE, async (picture) => {
  making.add(picture);
  const url = await makeThumbnail(picture);
  making.delete(picture);
  if (url === undefined) return;
  thumbnails.set(picture, url);
  if (thumbnails.size > MOST_KEPT) dropOldest();
  onMade(picture);
});

/** Takes what is called when a thumbnail is there. */
export function onThumbnail(act) {
  onMade = act;
}

/** A URL; null: the browser cannot show this picture; undefined: it is being made. */
export function findThumbnail(picture) {
  if (!thumbnails.has(picture) && !making.has(picture)) pump.add(picture);
  return thumbnails.get(picture);
}

/** Leaves out what has left the view before its turn. */
export function keepInView(shown) {
  visible.clear();
  for (const each of shown) visible.add(each);
  pump.keepOnly(visible);
}

export function dropThumbnail(picture) {
  pump.drop(picture);
  const url = thumbnails.get(picture);
  if (url) URL.revokeObjectURL(url);
  thumbnails.delete(picture);
}

async function makeThumbnail(picture) {
  try {
    const blob = await findBlob(picture);
    return blob === null ? null : await shrink(blob);
  } catch (error) {
    // A refusal has a status: the bridge did not deliver; the card asks again when it is drawn.
    return error.status === undefined || error.status === 404 ? null : undefined;
  }
}

async function findBlob(picture) {
  if (picture.file !== null) return asPicture(picture.file);
  return picture.taskId === null ? null : fetchPicture(picture.taskId, MOST_FETCHED_BYTES);
}

async function shrink(blob) {
  const bitmap = await createImageBitmap(blob, { resizeWidth: WIDTH, resizeQuality: "medium" });
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  const small = await new Promise((resolve) => { canvas.toBlob(resolve, "image/webp", 0.85); });
  return small === null ? null : URL.createObjectURL(small);
}

function dropOldest() {
  for (const picture of thumbnails.keys()) {
    if (visible.has(picture)) continue;
    dropThumbnail(picture);
    return;
  }
}
