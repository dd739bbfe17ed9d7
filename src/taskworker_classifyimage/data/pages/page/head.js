// The head of the page: counts, connection, language, theme; and notices below it.

import { ROOT } from "./calls.js";
import { copyText } from "./dialogs.js";
import { byId, fillSelect, setText } from "./dom.js";
import { connection, connectionChanged } from "./live.js";
import { recall, remember } from "./memory.js";
import { showView } from "./routes.js";
import { counts, countsChanged, workersChanged } from "./store.js";
import { showTasks } from "./tasks-view.js";
import {
  chooseLanguage, language, languageChanged, PAGE_LANGUAGES, say, sayNumber,
} from "./texts.js";
import { hasToken } from "./token.js";
import { TASK_TYPE } from "./uploads.js";
import { hasWorker } from "./workers-view.js";

const COUNTS = ["open", "inprogress", "completed", "failed"];
const CHECK_MS = 5000;

export function connectHead() {
  for (const state of COUNTS) {
    byId(`count-${state}`).addEventListener("click", () => {
      showView("tasks");
      showTasks({ state });
    });
  }
  countsChanged.listen(showCounts);
  connectionChanged.listen(showConnection);
  workersChanged.listen(showMissingWorker);
  setInterval(showMissingWorker, CHECK_MS);
  languageChanged.listen(() => { showCounts(); showConnection(); showLanguages(); });
  byId("page-language").addEventListener("change", ({ target }) => chooseLanguage(target.value));
  byId("theme").addEventListener("click", switchTheme);
  byId("copy-command").addEventListener("click", () => copyText(makeCommand(), say("copied")));
  showLanguages();
  setText(byId("command"), makeCommand());
  showConnection();
}

function showCounts() {
  if (counts === null) return;
  const { open, inprogress, completed, failed } = counts;
  const shown = { open, inprogress, completed: completed - failed, failed };
  for (const state of COUNTS) {
    setText(byId(`count-${state}`).querySelector(".number"), sayNumber(shown[state]));
    byId(`count-${state}`).classList.toggle("none", shown[state] === 0);
  }
}

function showConnection() {
  const state = connection ?? "connecting";
  document.body.dataset.connection = state;
  setText(byId("connection").querySelector(".text"), say(`connection_${state}`));
  byId("connection").title = say(`connection_${state}_hint`);
  byId("offline").hidden = state !== "offline";
}

function showMissingWorker() {
  byId("command-token").hidden = !hasToken();
  byId("no-worker").hidden = hasWorker(TASK_TYPE) !== false;
}

function makeCommand() {
  const isWindows = navigator.userAgent.includes("Windows");
  const program = isWindows ? "classifyimage.bat" : "./classifyimage.sh";
  return `${program} --taskbridgeurl ${ROOT}/`;
}

function showLanguages() {
  fillSelect(byId("page-language"), Object.entries(PAGE_LANGUAGES), language);
}

function switchTheme() {
  const root = document.documentElement.dataset;
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.theme ?? recall("theme") ?? (isDark ? "dark" : "light");
  root.theme = now === "dark" ? "light" : "dark";
  remember("theme", root.theme);
}
