// The view of the workers: who works on what, how fast, and whose tasks are stuck.

import { now, onceAFrame } from "./clock.js";
import { byId, make, makeButton, makeName } from "./dom.js";
import { showView } from "./routes.js";
import {
  silenceOf, tasks, tasksChanged, workers, workersChanged,
} from "./store.js";
import { showTasks } from "./tasks-view.js";
import { languageChanged, say, sayAge, sayCount, sayNumber, sayRate } from "./texts.js";

// A worker that has not asked for so long, and gets no lease, may have ended.
export const SILENT_MS = 60_000;

export function connectWorkersView() {
  const updateSoon = onceAFrame(updateWorkers);
  for (const signal of [workersChanged, tasksChanged, languageChanged]) signal.listen(updateSoon);
}

export function updateWorkers() {
  if (byId("view-workers").hidden || workers === null) return;
  const place = byId("workers");
  const sorted = [...workers].sort((one, other) => silenceOf(one) - silenceOf(other));
  place.replaceChildren(...sorted.map(makeWorker));
  byId("workers-none").hidden = workers.length > 0;
  showStuck();
}

/** "waiting", "working" or "silent". */
function stateOf(worker) {
  if (worker.waiting) return "waiting";
  if (silenceOf(worker) > SILENT_MS) return "silent";
  return worker.inflight > 0 || worker.status === "working" ? "working" : "waiting";
}

function makeWorker(worker) {
  const entry = make("li", "worker-card");
  const state = stateOf(worker);
  const head = make("div", "worker-head");
  const title = make("h3");
  title.append(makeName(worker.name));
  head.append(title, make("span", `badge ${state}`, say(`worker_${state}`)));
  const figures = make("dl", "figures");
  addFact(figures, "persecond", sayRate(worker.persecond ?? 0));
  addFact(figures, "inflight", sayNumber(worker.inflight ?? 0));
  addFact(figures, "seen", worker.waiting ? say("now") : sayAge(silenceOf(worker)));
  const facts = make("dl", "facts");
  addFact(facts, "type", worker.type);
  addFact(facts, "model", worker.model);
  addFact(facts, "device", [worker.device, worker.library].filter(Boolean).join(", "));
  addFact(facts, "version", worker.version);
  entry.append(head, figures, facts);
  return entry;
}

function addFact(list, key, text) {
  if (text === undefined || text === "") return;
  const value = make("dd");
  value.append(makeName(text));
  const pair = make("div");
  pair.append(make("dt", "", say(`fact_${key}`)), value);
  list.append(pair);
}

/** Tasks in progress with workers that no longer ask. */
function findStuck() {
  const silent = new Map();
  const asking = new Set(
    workers.filter((worker) => silenceOf(worker) <= SILENT_MS).map((worker) => worker.name),
  );
  for (const task of tasks.values()) {
    const isOld = task.status === "inprogress" && now() - task.startedat > SILENT_MS;
    const name = task.worker ?? "";
    if (isOld && !asking.has(name)) silent.set(name, (silent.get(name) ?? 0) + 1);
  }
  return silent;
}

function showStuck() {
  const place = byId("stuck");
  const stuck = [...findStuck()];
  const look = JSON.stringify(stuck) + document.documentElement.lang;
  if (place.dataset.look === look) return;
  place.dataset.look = look;
  place.hidden = stuck.length === 0;
  place.replaceChildren(...stuck.map(([name, count]) => {
    const entry = make("div", "notice");
    const text = make("p");
    text.append(make("strong", "", sayCount("stuck", count)), " ");
    text.append(makeName(name || say("unnamed_worker")));
    const show = makeButton(say("show_tasks"), () => {
      showView("tasks");
      showTasks({ state: "inprogress", worker: name });
    });
    entry.append(text, make("p", "", say("stuck_hint")), show);
    return entry;
  }));
}

/** Whether a worker asks for tasks of a type; null if that is not known yet. */
export function hasWorker(type) {
  if (workers === null) return null;
  return workers.some((worker) => worker.type === type && silenceOf(worker) <= SILENT_MS);
}

