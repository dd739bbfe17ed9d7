// The parts of a task's details: what was found, facts, and the calls for the command line.

import { makeBars, makeCategoryBars } from "./bars.js";
import { sayState } from "./card.js";
import { makeAddLine, makeResultLine } from "./curl.js";
import { copyText } from "./dialogs.js";
import { make, makeButton, makeName, toVisible } from "./dom.js";
import { choices } from "./names.js";
import { isIndependent, readCategories, readPredictions, sayFailure } from "./results.js";
import { restartMany, removeMany } from "./task-actions.js";
import { say, sayDuration, sayIfKnown, saySize, sayTime } from "./texts.js";
import { TASK_TYPE } from "./uploads.js";

// Of JSON that is shown; a result may have many megabytes.
const MOST_SHOWN = 20_000;
const MOST_CATEGORIES = 8;

/** Predictions as bars, or why there are none; warnings. */
export function makeFindings({ picture, task, problem }) {
  const found = [];
  const result = task === null ? picture?.result : task.result;
  if (problem) found.push(make("p", "problem", problem));
  else if (typeof result?.error === "string") found.push(makeFailure(result));
  else if (picture?.problem) found.push(makeProblem(picture));
  const predictions = readPredictions(result);
  if (predictions.length > 0) found.push(makeBars(predictions.slice(0, Math.max(choices.top, 10))));
  const categories = readCategories(result);
  if (categories.length > 0) {
    found.push(make("h3", "", say("categories")), makeCategoryBars(categories.slice(0, MOST_CATEGORIES)));
  }
  if (isIndependent(result)) {
    found.push(make("p", "soft", say(predictions.length > 0 ? "independent" : "no_label")));
  }
  for (const each of listTexts(result?.warnings)) found.push(makeName(each, "warning", "p"));
  return found;
}

function makeProblem(picture) {
  const box = make("p", "problem");
  box.append(make("strong", "", sayState(picture)), " ", makeName(picture.problem()));
  return box;
}

function makeFailure(result) {
  const box = make("div", "problem");
  const text = sayFailure(result);
  box.append(make("strong", "", toVisible(text)));
  if (result.error !== text) box.append(makeName(result.error, "", "p"));
  const hint = sayIfKnown(`hint_${result.code}`, null);
  if (hint !== null) box.append(make("p", "", hint));
  return box;
}

function listTexts(value) {
  return Array.isArray(value) ? value.map(String) : [];
}

export function makeFacts({ picture, task, taskId }) {
  const list = make("dl", "facts");
  const add = (key, text) => {
    if (text === undefined || text === null || text === "") return;
    const value = make("dd");
    value.append(makeName(text));
    list.append(make("dt", "", say(`fact_${key}`)), value);
  };
  const result = task?.result ?? picture?.result ?? null;
  add("state", picture === null ? task && say(`status_${task.status}`) : sayState(picture));
  add("folder", picture?.folder);
  add("size", picture && saySize(picture.size));
  add("id", taskId);
  add("type", task?.type);
  add("worker", task?.worker);
  if (task !== null) addTimes(add, task);
  add("model", result?.model);
  add("device", [result?.device, result?.library].filter(Boolean).join(", "));
  add("requirements", task?.requirements && shorten(JSON.stringify(task.requirements)));
  return list;
}

function addTimes(add, { createdat, startedat, completedat, progress, status }) {
  add("added", sayTime(createdat));
  if (startedat !== undefined) add("waited", sayDuration(startedat - createdat));
  if (completedat !== undefined) add("took", sayDuration(completedat - startedat));
  if (status === "inprogress" && progress !== undefined) add("progress", `${progress} %`);
}

/** The calls for the command line, the whole result, and what can be done with the task. */
export function makeLines({ picture, task, taskId }) {
  const parts = [];
  const type = task?.type ?? TASK_TYPE;
  const data = type === TASK_TYPE && picture !== null
    ? { targetlanguage: choices.language, numberofpredictions: choices.top }
    : task?.data;
  const hasFile = picture !== null || task?.file !== undefined;
  if (picture !== null || task !== null) {
    const lines = [makeAddLine(type, data, hasFile ? picture?.name ?? "" : null)];
    if (taskId !== null) lines.push(makeResultLine(taskId));
    parts.push(make("h3", "", say("as_call")), makeCopied(shorten(lines.join("\n")), "copy-call"));
  }
  if (task !== null) parts.push(makeJson(task), makeActs(taskId));
  return parts;
}

function makeJson(task) {
  const json = make("details");
  const text = JSON.stringify({ data: task.data, result: task.result }, null, 2);
  json.append(make("summary", "", say("as_json")), makeCopied(shorten(text), "copy-json"));
  json.firstChild.dataset.act = "json";
  return json;
}

function makeActs(taskId) {
  const bar = make("div", "row");
  const restart = makeButton(say("restart"), () => restartMany([taskId]));
  const remove = makeButton(say("remove"), () => removeMany([taskId]), "danger");
  restart.dataset.act = "restart";
  remove.dataset.act = "remove";
  bar.append(restart, remove);
  return bar;
}

/** A text to copy, with a button for that. */
function makeCopied(text, act) {
  const box = make("div", "copied");
  const pre = make("pre");
  pre.tabIndex = 0;
  pre.append(make("code", "", text));
  const button = makeButton(say("copy"), () => copyText(text, say("copied")));
  button.dataset.act = act;
  box.append(pre, button);
  return box;
}

function shorten(text) {
  const shown = text.length <= MOST_SHOWN ? text : `${text.slice(0, MOST_SHOWN)}\n${say("shortened")}`;
  return shown.split("\n").map(toVisible).join("\n");
}
