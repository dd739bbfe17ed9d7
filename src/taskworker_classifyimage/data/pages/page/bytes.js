// Files of tasks, which anybody may have added: they are only ever shown as images.

import { call } from "./calls.js";

const BEGINNINGS = [
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^\x89PNG/, "image/png"],
  [/^GIF8/, "image/gif"],
  [/^RIFF....WEBP/s, "image/webp"],
  [/^BM/, "image/bmp"],
  [/^....ftypavi[fs]/s, "image/avif"],
  [/^....ftyp(hei|mif|hev)/s, "image/heic"],
  [/^(II\*\0|MM\0\*)/, "image/tiff"],
  [/^(\xff\x0a|\0\0\0\x0cJXL )/, "image/jxl"],
  [/^\0\0\0\x0cjP {2}/, "image/jp2"],
  [/^\0\0[\x01\x02]\0/, "image/x-icon"],
];

/** A file that is larger than was allowed. */
export class TooLarge extends Error {}

/** The file of a task with the type that its first bytes say; null if they are of no picture. */
export async function fetchPicture(taskId, mostBytes, options = {}) {
  const answer = await call(`tasks/file/${taskId}/`, options);
  if (Number(answer.headers.get("Content-Length")) > mostBytes) {
    answer.body.cancel();
    throw new TooLarge();
  }
  return asPicture(await answer.blob());
}

/** The same bytes as an image, whatever they were called: never as a document. */
export async function asPicture(blob) {
  const head = new Uint8Array(await blob.slice(0, 16).arrayBuffer());
  const text = String.fromCharCode(...head);
  const found = BEGINNINGS.find(([beginning]) => beginning.test(text));
  return found === undefined ? null : new Blob([blob], { type: found[1] });
}
