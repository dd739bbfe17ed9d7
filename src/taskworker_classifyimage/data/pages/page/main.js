// Joins the parts of the page and starts them.

import { connectAdding } from "./adding.js";
import { call, ROOT } from "./calls.js";
import { connectDetails } from "./details.js";
import { connectDialogs } from "./dialogs.js";
import { byId } from "./dom.js";
import { connectHead } from "./head.js";
import { connectKeys } from "./keys.js";
import { follow, refresh } from "./live.js";
import { readChoices } from "./names.js";
import { connectNamesView } from "./names-view.js";
import { countGroups, isUploading, listTracked, pictures } from "./pictures.js";
import { connectPicturesView, showAll } from "./pictures-view.js";
import { restorePictures } from "./restored.js";
import { followTasks } from "./results.js";
import { connectRoutes, showView, view, viewChanged } from "./routes.js";
import { MOST_LISTED } from "./store.js";
import { connectTasksView, update } from "./tasks-view.js";
import { preferLanguage, speak } from "./texts.js";
import { connectWorkersView, updateWorkers } from "./workers-view.js";

const LEAST_LISTED = 200;

/** How many tasks have to be known: for the pictures only these, for the other views all. */
function limitList() {
  if (view !== "pictures") return MOST_LISTED;
  return Math.min(MOST_LISTED, LEAST_LISTED + 2 * listTracked().length);
}

/** What is only read when it is looked at. */
function takeView(name) {
  if (name === "pictures") showAll();
  if (name === "tasks") update();
  if (name === "workers") updateWorkers();
  if (name === "tasks" || name === "workers") refresh();
}

function warnOfLoss(event) {
  if (pictures.some(isUploading)) event.preventDefault();
}

async function start() {
  await speak(preferLanguage());
  // As this browser reaches the bridge, whatever a proxy tells it.
  for (const element of document.querySelectorAll(".url")) {
    element.textContent = element.textContent.replace(/^.*?(?=\/api\/)/, ROOT);
  }
  connectDialogs();
  connectDetails();
  connectPicturesView();
  connectTasksView();
  connectWorkersView();
  connectNamesView();
  connectHead();
  connectKeys();
  viewChanged.listen(takeView);
  await readChoices();
  followTasks();
  restorePictures();
  connectRoutes();
  connectAdding(() => showView("pictures"));
  window.addEventListener("beforeunload", warnOfLoss);
  byId("main").hidden = false;
  // Asks for the token, if one is needed, before many calls do.
  await call("version").catch(() => {});
  await follow({ listLimit: limitList, isBusy: () => countGroups().busy > 0 });
}

start();
