// Keeps the page up to date: by a stream of events, and by asking again and again where those are
// cut off.

import { read, call, Refusal } from "./calls.js";
import { pause } from "./clock.js";
import { readEvents } from "./events.js";
import { makeSignal } from "./signals.js";
import * as store from "./store.js";

// A stream begins at once; one of which nothing comes is held back on its way.
const FIRST_MS = 3000;
const SILENCE_MS = 40_000;
const POLL_MS = 2000;
const HIDDEN_POLL_MS = 10_000;
const HIDDEN_MS = 30_000;
// How long is polled before a stream is tried again.
const TRY_STREAM_MS = 60_000;
const LONGEST_PAUSE_MS = 10_000;
// Of the time, at most this part is spent with reading lists.
const READING_SHARE = 5;

// "live", "polling" or "offline"; null at the start.
export let connection = null;
export const connectionChanged = makeSignal();

// Of the stream that is being read.
let receiver = null;
let listLimit = () => store.MOST_LISTED;
let isBusy = () => false;

/** Runs as long as the page is open.
 *
 * Takes how many tasks have to be listed, and whether the page waits for results when nobody looks.
 */
export async function follow(wanted) {
  ({ listLimit, isBusy } = wanted);
  let failures = 0;
  for (;;) {
    const ended = document.hidden ? await pollHidden() : await readStream();
    failures = ended === "failed" ? failures + 1 : 0;
    if (ended === "failed") setConnection("offline");
    if (ended === "withheld") await poll();
    else if (ended !== "hidden") {
      await pause(Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures));
    }
  }
}

/** Reads the list once more; events that come meanwhile are applied after it. */
export async function refresh() {
  if (receiver !== null) await receiver.load();
}

/** Where no event tells the counts, the whole list is read, to count. */
async function readList() {
  const isCounting = connection === "polling";
  const limit = isCounting ? store.MOST_LISTED : listLimit();
  store.replaceTasks(await read(`tasks/list/?newest=${limit}`));
  if (isCounting) store.countTasks();
}

function setConnection(next) {
  if (connection === next) return;
  connection = next;
  connectionChanged.send();
}

/** Follows the stream to its end; says how it ended. */
async function readStream() {
  const control = new AbortController();
  let hasBegun = false;
  let watch = setTimeout(() => control.abort(), FIRST_MS);
  const noteLife = () => {
    clearTimeout(watch);
    watch = setTimeout(() => control.abort(), SILENCE_MS);
  };
  let leaving = 0;
  const leave = () => {
    clearTimeout(leaving);
    if (document.hidden) leaving = setTimeout(() => control.abort(), HIDDEN_MS);
  };
  document.addEventListener("visibilitychange", leave);
  receiver = makeReceiver();
  try {
    const answer = await call("events", { signal: control.signal });
    for await (const [name, data] of readEvents(answer.body, noteLife)) {
      if (!hasBegun) {
        hasBegun = true;
        setConnection("live");
        receiver.load();
      }
      receiver.take(name, data);
    }
    return hasBegun ? "ended" : "withheld";
  } catch (error) {
    if (document.hidden) return "hidden";
    if (hasBegun) return "ended";
    const isRefused = error instanceof Refusal && error.status !== 0;
    return control.signal.aborted || isRefused ? "withheld" : "failed";
  } finally {
    receiver = null;
    clearTimeout(watch);
    clearTimeout(leaving);
    control.abort();
    document.removeEventListener("visibilitychange", leave);
  }
}

/** Applies events; those that come while the list is read wait for it. */
function makeReceiver() {
  let held = null;

  async function load() {
    if (held !== null) return;
    held = [];
    try {
      await readList();
    } catch {
      // The stream ends as well, or the next event asks for the list again.
    }
    const events = held;
    held = null;
    for (const data of events) apply(data);
  }

  function apply(data) {
    if (data.reload) load();
    else store.applyChanges(data.changed, data.removed);
  }

  function take(name, data) {
    if (name === "workers") store.setWorkers(data);
    if (name !== "tasks") return;
    if (Object.keys(data.counts).length > 0) store.setCounts(data.counts);
    if (held === null) apply(data);
    else held.push(data);
  }

  return { load, take };
}

/** Asks again and again for a while, until it is time to try a stream. */
async function poll() {
  const until = Date.now() + TRY_STREAM_MS;
  while (Date.now() < until && !document.hidden) {
    const begun = Date.now();
    await readAll();
    await pause(Math.max(POLL_MS, READING_SHARE * (Date.now() - begun)));
  }
}

/** A page that is hidden for long has no stream: browsers allow few connections for all its tabs together. */
async function pollHidden() {
  while (document.hidden) {
    if (isBusy()) await readAll();
    await Promise.race([pause(HIDDEN_POLL_MS), untilShown()]);
  }
  return "hidden";
}

function untilShown() {
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  });
}

async function readAll() {
  try {
    store.setWorkers(await read("workers/list/"));
    setConnection("polling");
    await readList();
  } catch {
    setConnection("offline");
  }
}
