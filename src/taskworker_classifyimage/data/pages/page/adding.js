// How pictures get onto the page: chosen, photographed, dropped or pasted.

import { collectChosen, collectDropped, collectPasted } from "./collect.js";
import { announce } from "./dialogs.js";
import { byId } from "./dom.js";
import { addPictures, makePicture } from "./pictures.js";
import { say, sayCount } from "./texts.js";
import { send } from "./uploads.js";

// A large folder takes a while.
const READING_MS = 500;

let onAdded = () => {};
// Drags enter and leave each element below the pointer.
let depth = 0;

/** Takes what is called when pictures were added. */
export function connectAdding(act) {
  onAdded = act;
  for (const id of ["choose", "choose-folder", "photograph"]) {
    byId(id).addEventListener("change", ({ target }) => {
      add(collectChosen(target.files));
      // The same file can be chosen again.
      target.value = "";
    });
  }
  document.addEventListener("paste", takePasted);
  document.addEventListener("dragenter", (event) => showDrop(event, 1));
  document.addEventListener("dragleave", (event) => showDrop(event, -1));
  document.addEventListener("dragover", allowDrop);
  document.addEventListener("drop", takeDropped);
}

function add({ files, skipped }) {
  const added = files.map(([file, folder]) => makePicture({
    file, folder, name: file.name, size: file.size,
  }));
  const texts = [sayCount("added", added.length)];
  if (skipped > 0) texts.push(sayCount("skipped", skipped));
  announce(texts.join(" "));
  if (added.length === 0) return;
  addPictures(added);
  for (const picture of added) send(picture);
  onAdded();
}

function takePasted(event) {
  if (event.clipboardData === null || event.clipboardData.files.length === 0) return;
  event.preventDefault();
  add(collectPasted(event.clipboardData));
}

function hasFiles(event) {
  return event.dataTransfer !== null && [...event.dataTransfer.types].includes("Files");
}

function isAsking() {
  return document.querySelector("dialog[open]") !== null;
}

function showDrop(event, step) {
  if (!hasFiles(event) || isAsking()) return;
  depth = Math.max(0, depth + step);
  document.body.classList.toggle("dropping", depth > 0);
}

/** Without this the browser would leave the page and show the file. */
function allowDrop(event) {
  if (!hasFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = isAsking() ? "none" : "copy";
}

async function takeDropped(event) {
  if (!hasFiles(event)) return;
  event.preventDefault();
  depth = 0;
  document.body.classList.remove("dropping");
  if (isAsking()) return;
  const reading = setTimeout(() => announce(say("reading")), READING_MS);
  const found = await collectDropped(event.dataTransfer);
  clearTimeout(reading);
  add(found);
}
