// Keys and clicks.

const KEYS = [
  ["\u2190 \u2191 \u2192 \u2193", "key_move"],
  ["Shift + \u2190 \u2191 \u2192 \u2193", "key_extend"],
  ["Space", "key_toggle"], ["Ctrl + A", "key_all"], ["Enter", "key_details"],
  ["Home, End, Page", "key_far"], ["/", "key_search"], ["C", "key_copy"], ["?", "key_help"],
  ["Esc", "key_escape"],
];

function showKeys() {
  for (const [keys, text] of KEYS) {
    const name = make("dt");
    name.append(make("kbd", "", keys));
    byId("key-list").append(name, make("dd", "", say(text)));
  }
}

/** Keys that work wherever the focus is, except in fields. */
function takeKey(event) {
  if (event.key === "Escape") return leave();
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  if (event.target.closest("input, select, textarea, dialog")) return undefined;
  const acts = {
    "/": () => byId("search").focus(),
    "?": () => byId("help").showModal(),
    c: copyPaths,
  };
  const act = acts[event.key];
  if (act === undefined) return undefined;
  event.preventDefault();
  return act();
}

/** Leaves what is innermost: the search, the pane, then the selection. */
function leave() {
  if (document.activeElement === byId("search")) {
    grid.focus();
  } else if (!pane.hidden) {
    closeDetails();
  } else {
    clearSelection();
    showSelection();
  }
}

function takeGridKey(event) {
  const isControl = event.ctrlKey || event.metaKey;
  if (isControl && event.key.toLowerCase() === "a") {
    selectAll();
  } else if (event.key === "Enter" && active !== NONE) {
    selectOne(active);
    showDetails(shown[active], true);
  } else if (event.key === " " && active !== NONE) {
    toggle(active);
  } else {
    const place = findTarget(event.key);
    if (place === NONE || isControl || shown.length === 0) return;
    moveTo(place, event.shiftKey);
  }
  event.preventDefault();
  showSelection();
}

/** The place that a key leads to; NONE for other keys. */
function findTarget(key) {
  const height = state.view === "list" ? ENTRY_HEIGHT : CELL.height;
  const page = Math.max(1, Math.floor(grid.clientHeight / height)) * lines.columns;
  const steps = {
    ArrowLeft: -1, ArrowRight: 1, ArrowUp: -lines.columns, ArrowDown: lines.columns,
    PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity,
  };
  if (!(key in steps)) return NONE;
  const from = active === NONE ? 0 : active;
  const to = active === NONE && Number.isFinite(steps[key]) ? 0 : from + steps[key];
  return Math.min(shown.length - 1, Math.max(0, to));
}

function moveTo(place, isExtended) {
  if (isExtended) selectTo(place);
  else selectOne(place);
  bringIntoView(place);
  if (!pane.hidden) showDetails(shown[place]);
}

function takeClick(event) {
  const cell = event.target.closest(".cell");
  if (cell === null) return;
  const place = Number(cell.dataset.place);
  if (event.shiftKey) {
    selectTo(place);
  } else if (event.ctrlKey || event.metaKey || event.target.closest(".check")) {
    toggle(place);
  } else {
    selectOne(place);
    showDetails(shown[place]);
  }
  showSelection();
}
