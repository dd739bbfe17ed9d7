// Which view is shown: the part of the address after the #.

import { byId } from "./dom.js";
import { makeSignal } from "./signals.js";

export const VIEWS = ["pictures", "tasks", "workers", "names", "programs"];
export const viewChanged = makeSignal();

export let view = "pictures";

export function connectRoutes() {
  window.addEventListener("hashchange", takeHash);
  takeHash();
}

export function showView(name) {
  if (view !== name) window.location.hash = name;
}

function takeHash() {
  const wanted = window.location.hash.slice(1);
  view = VIEWS.includes(wanted) ? wanted : "pictures";
  for (const name of VIEWS) {
    byId(`view-${name}`).hidden = name !== view;
    const link = byId(`to-${name}`);
    if (name === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.body.dataset.view = view;
  window.scrollTo({ top: 0, behavior: "instant" });
  viewChanged.send(view);
}
