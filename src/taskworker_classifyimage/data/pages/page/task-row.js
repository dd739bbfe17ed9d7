// One task in the list of tasks.

import { now } from "./clock.js";
import { make, makeButton, makeName, setText, toVisible } from "./dom.js";
import { findPicture } from "./pictures.js";
import { makePlaced } from "./rows.js";
import { stateOf } from "./store.js";
import { language, say, sayAge, sayDuration, sayIfKnown, sayTime } from "./texts.js";

const drawn = new WeakMap();

export function createRow() {
  return makePlaced("div", "task", "row");
}

/** Draws a row anew if it has changed; acts: {open, toggle}. */
export function fillRow(row, task, isSelected, acts) {
  row.setAttribute("aria-selected", String(isSelected));
  const look = [task, language, findPicture(task.id)?.name];
  if (drawn.get(row)?.every((value, at) => value === look[at])) {
    row.querySelector("input").checked = isSelected;
    setText(row.querySelector(".age"), sayAge(now() - task.createdat));
    setText(row.querySelector(".took"), sayTook(task));
    return;
  }
  drawn.set(row, look);
  const focused = row.contains(document.activeElement) && document.activeElement.dataset.act;
  row.replaceChildren(
    makeCheck(task, isSelected, acts),
    makeState(task),
    makeCell("name", makeOpen(task, acts)),
    makeNamed("type", task.type),
    makeNamed("worker", task.worker ?? ""),
    makeTime(task),
    makeCell("took", sayTook(task)),
  );
  if (focused) row.querySelector(`[data-act="${focused}"]`)?.focus();
}

export function nameOfTask(task) {
  return findPicture(task.id)?.name || task.id.slice(0, 8);
}

function makeCell(classes, content) {
  const cell = make("span", classes);
  cell.setAttribute("role", "gridcell");
  cell.append(content);
  return cell;
}

/** A name that may be too long for its column. */
function makeNamed(classes, name) {
  const cell = makeCell(classes, makeName(name));
  cell.title = toVisible(name);
  return cell;
}

function makeCheck(task, isSelected, acts) {
  const box = make("input");
  box.type = "checkbox";
  box.tabIndex = -1;
  box.checked = isSelected;
  box.dataset.act = "check";
  box.setAttribute("aria-label", say("select_task", { name: nameOfTask(task) }));
  box.addEventListener("click", (event) => acts.toggle(task, event.shiftKey));
  return makeCell("check", box);
}

function makeState(task) {
  const state = stateOf(task);
  const badge = make("span", `badge ${state}`, say(`status_${state}`));
  const cell = makeCell("state", badge);
  if (task.status === "inprogress" && task.progress !== undefined) {
    badge.append(` ${task.progress} %`);
  }
  return cell;
}

function makeOpen(task, acts) {
  const button = makeButton(null, () => acts.open(task), "plain");
  button.tabIndex = -1;
  button.dataset.act = "open";
  button.append(makeName(nameOfTask(task), findPicture(task.id) ? "" : "id"));
  const box = make("span", "named");
  box.append(button);
  if (task.error !== undefined) box.append(makeName(sayError(task.error), "reason"));
  return box;
}

/** An error is "code: message". */
function sayError(error) {
  const code = error.split(":", 1)[0];
  return sayIfKnown(`code_${code}`, error);
}

function makeTime(task) {
  const cell = makeCell("age", sayAge(now() - task.createdat));
  cell.title = sayTime(task.createdat);
  return cell;
}

/** How long the work took, or has taken so far. */
function sayTook({ status, startedat, completedat }) {
  if (startedat === undefined || status === "open") return "";
  return sayDuration((completedat ?? now()) - startedat);
}

export function describeTask(task) {
  return [nameOfTask(task), say(`status_${stateOf(task)}`), toVisible(task.type)].join(", ");
}
