// Keys that work wherever the focus is, except in fields and dialogs, and the list of all keys.

import { byId, make } from "./dom.js";
import { recall, remember } from "./memory.js";
import { showView, view, VIEWS } from "./routes.js";
import { languageChanged, say } from "./texts.js";

const KEYS = [
  [["1", "\u2026", "5"], "key_views"], [["O"], "key_choose"], [["Ctrl", "V"], "key_paste"],
  [["\u2190", "\u2191", "\u2192", "\u2193"], "key_move"], [["Home", "End", "Page"], "key_far"],
  [["Enter"], "key_details"], [["Space"], "key_select"], [["Shift", "\u2193"], "key_extend"],
  [["Ctrl", "A"], "key_all"], [["Del"], "key_remove"], [["/"], "key_search"], [["?"], "key_help"],
  [["Esc"], "key_close"],
];

export function connectKeys() {
  const single = byId("single-keys");
  // Speech input may say letters that are not meant as keys.
  single.checked = recall("keys") !== false;
  single.addEventListener("change", () => remember("keys", single.checked));
  document.addEventListener("keydown", takeKey);
  byId("help-button").addEventListener("click", showHelp);
  byId("help-close").addEventListener("click", () => byId("help").close());
  byId("skip").addEventListener("click", (event) => {
    // The address is the view's.
    event.preventDefault();
    byId("main").focus();
  });
  languageChanged.listen(listKeys);
  listKeys();
}

function listKeys() {
  byId("key-list").replaceChildren(...KEYS.flatMap(([keys, text]) => {
    const name = make("dt");
    name.append(...keys.map((key) => make("kbd", "", key)));
    return [name, make("dd", "", say(text))];
  }));
}

function showHelp() {
  byId("help").showModal();
}

function takeKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !byId("single-keys").checked) return;
  if (event.target.closest("input:not([type=checkbox], [type=file]), select, textarea, dialog")) {
    return;
  }
  const at = VIEWS.indexOf(VIEWS[Number(event.key) - 1]);
  const acts = {
    "/": search,
    "?": showHelp,
    o: () => { showView("pictures"); byId("choose").click(); },
  };
  const act = at >= 0 ? () => showView(VIEWS[at]) : acts[event.key.toLowerCase()];
  if (act === undefined) return;
  event.preventDefault();
  act();
}

function search() {
  if (view !== "names") showView("tasks");
  const field = byId(view === "names" ? "name-search" : "task-search");
  // The view is shown once the address has changed.
  setTimeout(() => field.focus());
}
