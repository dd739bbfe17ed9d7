// The view of all tasks of the bridge: to find, look at, restart and remove them.

import { delay, onceAFrame } from "./clock.js";
import { showDetails } from "./details.js";
import { byId, fillSelect, setText, toVisible } from "./dom.js";
import { findPicture } from "./pictures.js";
import { Roving } from "./roving.js";
import { Rows } from "./rows.js";
import {
  clearSelection, keepShown, selectAll, selected, selectTo, toggle,
} from "./selection.js";
import { counts, MOST_LISTED, order, tasksChanged, tasksRemoved, countsChanged } from "./store.js";
import { makeTabs } from "./tabs.js";
import { removeMany, restartMany } from "./task-actions.js";
import { clearFilter, filter, findTasks, isFiltered, setWords, STATES } from "./task-filter.js";
import { createRow, describeTask, fillRow } from "./task-row.js";
import { languageChanged, say, sayCount, sayNumber } from "./texts.js";

const ROW = 2.9;
const NARROW_ROW = 4.4;
const NARROW = 44;
const SEARCH_DELAY_MS = 120;
const AGES_MS = 5000;

let rows = null;
let roving = null;
let tabs = null;
let found = [];

const acts = { open, toggle: takeToggle };

export function connectTasksView() {
  rows = new Rows(byId("tasks-rows"), {
    measure, create: createRow, fill: fillPlaced, keyOf: (task) => task.id,
  });
  roving = new Roving(rows);
  tabs = makeTabs(byId("task-tabs"), STATES, "status", (state) => change({ state }));
  const updateSoon = onceAFrame(update);
  for (const signal of [tasksChanged, tasksRemoved, countsChanged, languageChanged]) {
    signal.listen(updateSoon);
  }
  setInterval(rows.drawSoon, AGES_MS);
  byId("task-search").addEventListener("input", delay(({ target }) => {
    setWords(target.value);
    update();
  }, SEARCH_DELAY_MS));
  byId("task-type").addEventListener("change", ({ target }) => change({ type: target.value }));
  byId("task-worker").addEventListener("change", ({ target }) => change({ worker: target.value }));
  byId("task-reset").addEventListener("click", () => showTasks({}));
  byId("task-restart").addEventListener("click", () => act(restartMany));
  byId("task-remove").addEventListener("click", () => act(removeMany));
  byId("task-unselect").addEventListener("click", () => { clearSelection(); update(); });
  byId("task-all").addEventListener("click", () => {
    if (selected.size === found.length) clearSelection();
    else selectAll(listShown());
    update();
  });
  rows.host.addEventListener("keydown", takeKey);
}

/** Shows the tasks that match: {state, worker}, else all. */
export function showTasks(wanted) {
  clearFilter();
  byId("task-search").value = "";
  change(wanted);
}

function change(values) {
  Object.assign(filter, values);
  update();
}

function listShown() {
  return found.map((task) => task.id);
}

export function update() {
  if (byId("view-tasks").hidden) return;
  const all = findTasks();
  found = all.found;
  keepShown(listShown());
  tabs.show(all.counts, filter.state);
  showNames(byId("task-type"), say("all_types"), all.types, filter.type);
  showNames(byId("task-worker"), say("all_workers"), all.workers, filter.worker);
  byId("task-reset").hidden = !isFiltered();
  byId("tasks-none").hidden = found.length > 0;
  setText(byId("tasks-none"), say(isFiltered() ? "nothing_matches" : "no_tasks"));
  byId("tasks-table").hidden = found.length === 0;
  byId("tasks-table").setAttribute("aria-rowcount", String(found.length + 1));
  showSelection();
  showCut();
  rows.setItems(found);
}

function showNames(select, all, names, chosen) {
  const known = chosen === "" || names.includes(chosen) ? names : [chosen, ...names];
  const options = [["", all], ...known.map((name) => [name, toVisible(name)])];
  const look = JSON.stringify(options);
  if (select.dataset.look === look && select.value === chosen) return;
  select.dataset.look = look;
  fillSelect(select, options, chosen);
}

/** What the buttons act on: what is selected, or else all that match. */
function showSelection() {
  const count = selected.size;
  const text = count > 0 ? sayCount("selected", count) : sayCount("matching", found.length);
  setText(byId("task-count"), text);
  byId("task-unselect").hidden = count === 0;
  const isForAll = count === 0 && found.length > 1;
  setText(byId("task-restart"), say(isForAll ? "restart_all" : "restart"));
  setText(byId("task-remove"), say(isForAll ? "remove_all" : "remove"));
  byId("task-restart").disabled = found.length === 0;
  byId("task-remove").disabled = found.length === 0;
  const box = byId("task-all");
  box.checked = count > 0 && count === found.length;
  box.indeterminate = count > 0 && count < found.length;
}

/** Says so if the bridge has more tasks than are listed. */
function showCut() {
  const total = counts === null ? 0 : counts.open + counts.inprogress + counts.completed;
  const isCut = order.length >= MOST_LISTED && total > order.length;
  byId("tasks-cut").hidden = !isCut;
  if (isCut) {
    const values = { n: sayNumber(order.length), total: sayNumber(total) };
    setText(byId("tasks-cut"), say("tasks_cut", values));
  }
}

async function act(what) {
  const ids = selected.size > 0 ? listShown().filter((id) => selected.has(id)) : listShown();
  const place = rows.host.contains(document.activeElement) ? roving.place : null;
  if (!await what(ids)) return;
  clearSelection();
  update();
  // What had the focus may be gone.
  if (place !== null) roving.moveTo(place);
}

function measure(width) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return { columns: 1, gap: 0, height: Math.round(rem * (width < NARROW * rem ? NARROW_ROW : ROW)) };
}

function fillPlaced(row, task, place) {
  fillRow(row, task, selected.has(task.id), acts);
  row.setAttribute("aria-rowindex", String(place + 2));
  row.setAttribute("aria-label", describeTask(task));
  row.tabIndex = roving.holds(task.id, place) ? 0 : -1;
}

function takeToggle(task, isExtended) {
  if (isExtended) selectTo(task.id, listShown());
  else toggle(task.id);
  update();
}

function open(task) {
  showDetails({
    picture: findPicture(task.id) ?? null,
    taskId: task.id,
    thumbnail: null,
    leave: () => roving.moveTo(roving.place),
    step: (by) => {
      const at = rows.indexOf(task.id) + by;
      if (at < 0 || at >= rows.items.length) return;
      roving.moveTo(at);
      open(rows.items[at]);
    },
  });
}

function takeKey(event) {
  const isControl = event.ctrlKey || event.metaKey;
  const isOnRow = event.target.classList.contains("task");
  const task = rows.items[roving.place];
  if (isControl && event.key.toLowerCase() === "a") {
    selectAll(listShown());
    update();
  } else if (isControl || event.altKey || task === undefined) {
    return;
  } else if (isOnRow && event.key === "Enter") {
    open(task);
  } else if (isOnRow && event.key === " ") {
    takeToggle(task, event.shiftKey);
  } else if (isOnRow && event.key === "Delete") {
    act(removeMany);
  } else if (!moveByKey(event)) {
    return;
  }
  event.preventDefault();
}

function moveByKey(event) {
  const place = roving.findTarget(event.key);
  if (place === null) return false;
  const from = rows.items[roving.place];
  const task = roving.moveTo(place);
  if (event.shiftKey) {
    if (selected.size === 0) toggle(from.id);
    selectTo(task.id, listShown());
    update();
  }
  return true;
}
