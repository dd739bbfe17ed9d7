// Questions, and short messages about what has been done.

import { byId, setText } from "./dom.js";

const SHOWN_MS = 5000;
let shown = 0;
let settle = () => {};

/** Asks whether to do something; the button says what. */
export function confirm(question, action) {
  const dialog = byId("confirm");
  // The end of an earlier question may not have been told yet.
  settle(false);
  setText(byId("confirm-question"), question);
  setText(byId("confirm-yes"), action);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => { settle = resolve; });
}

export function connectDialogs() {
  byId("confirm").addEventListener("close", ({ target }) => {
    if (!target.open) settle(target.returnValue === "yes");
  });
  byId("confirm-yes").addEventListener("click", () => byId("confirm").close("yes"));
  byId("confirm-no").addEventListener("click", () => byId("confirm").close());
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("close", () => document.body.append(byId("said")));
  }
  // The bridge cannot be used without it.
  byId("token-dialog").addEventListener("cancel", (event) => event.preventDefault());
}

/** Says for some seconds what has been done, also to screen readers. */
export function announce(text) {
  const place = byId("said");
  // What is outside of a dialog is neither seen nor heard.
  const open = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (place.parentElement !== open) open.append(place);
  place.textContent = text;
  place.classList.add("shown");
  clearTimeout(shown);
  shown = setTimeout(() => place.classList.remove("shown"), SHOWN_MS);
}

export async function copyText(text, done) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers have no clipboard for pages that come by plain HTTP from another machine.
    copyBySelecting(text);
  }
  announce(done);
}

function copyBySelecting(text) {
  const field = document.createElement("textarea");
  field.className = "aside";
  field.value = text;
  const open = document.querySelector("dialog[open]") ?? document.body;
  open.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** Gives the user a file. */
export function saveFile(name, parts, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
