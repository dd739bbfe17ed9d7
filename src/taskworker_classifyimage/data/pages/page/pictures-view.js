// The view of the page's own pictures.

import {
  connectCategoryFilter, isOfChosenCategory, showCategories,
} from "./category-filter.js";
import { createCard, describeCard, fillCard, setPosition } from "./card.js";
import { atMostEvery } from "./clock.js";
import { showDetails } from "./details.js";
import { announce } from "./dialogs.js";
import { byId, fillSelect, setText } from "./dom.js";
import { exportCsv, exportJson, copyResults } from "./export.js";
import { connectLanguageChoice } from "./language-choice.js";
import { choices, chooseTop, namesChanged, TOPS } from "./names.js";
import {
  cancelAll, removeAllPictures, removePicture, retryFailed, retryPicture,
} from "./picture-actions.js";
import { countGroups, groupOf, isUploading, pictures, picturesChanged } from "./pictures.js";
import { Roving } from "./roving.js";
import { Rows } from "./rows.js";
import { makeTabs } from "./tabs.js";
import { languageChanged, say, sayCount, sayNumber } from "./texts.js";
import { findThumbnail, keepInView, onThumbnail } from "./thumbnails.js";

const LEAST_WIDTH = 250;
const GAP = 16;
// Heights in rem: of a card without its bars, of a bar, and of what the other states need.
const HEAD = { tall: 16.2, wide: 10.8 };
const BAR = 2.35;
const LEAST_BODY = 6.2;
const NARROW = 26;
// Many pictures change at once; drawing each change would take the time from sending them.
const UPDATE_MS = 150;
// How long pictures have been waiting is shown in seconds.
const AGES_MS = 1000;
const GROUPS = ["all", "busy", "done", "failed"];

let group = "all";
let rows = null;
let roving = null;
let tabs = null;
let wasBusy = false;

const acts = { open: openPicture, retry: retryPicture, remove: removePicture };

export function connectPicturesView() {
  rows = new Rows(byId("pictures"), {
    measure,
    create: createCard,
    fill: fillPlaced,
    keyOf: (picture) => picture.key,
    onDrawn: keepInView,
  });
  roving = new Roving(rows);
  tabs = makeTabs(byId("tabs"), GROUPS, "group", (name) => { group = name; update(); });
  connectCategoryFilter(update);
  onThumbnail(rows.drawSoon);
  picturesChanged.listen(atMostEvery(UPDATE_MS, update));
  setInterval(() => { if (wasBusy) rows.drawSoon(); }, AGES_MS);
  namesChanged.listen(showAll);
  languageChanged.listen(showAll);
  const clicks = {
    csv: exportCsv, json: exportJson, copy: copyResults, "cancel-all": cancelAll,
    "remove-all": removeAllPictures, "retry-all": retryFailed,
  };
  for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener("click", act);
  connectLanguageChoice(byId("names"));
  byId("top").addEventListener("change", ({ target }) => chooseTop(Number(target.value)));
  byId("pictures").addEventListener("keydown", takeKey);
}

/** Draws all anew: after a change of language, or when the view is shown. */
export function showAll() {
  fillSelect(byId("top"), TOPS.map((top) => [String(top), sayNumber(top)]), String(choices.top));
  update();
}

/** What of the head of the view changes with the pictures; the cards too. */
function update() {
  const counts = countGroups();
  document.body.classList.toggle("has-pictures", counts.all > 0);
  if (group !== "all" && counts[group] === 0) group = "all";
  tabs.show(counts, group);
  const bar = byId("overall");
  bar.hidden = counts.busy === 0;
  bar.max = counts.all;
  bar.value = counts.all - counts.busy;
  byId("cancel-all").hidden = !pictures.some(isUploading);
  byId("retry-all").hidden = counts.failed < 2;
  setText(byId("summary"), summarize(counts));
  tellEnd(counts);
  showCategories();
  rows.setItems(pictures.filter(isWanted));
}

function isWanted(picture) {
  return (group === "all" || groupOf(picture) === group) && isOfChosenCategory(picture);
}

function summarize(counts) {
  if (counts.busy === 0) return "";
  const done = sayNumber(counts.all - counts.busy);
  return say("progress", { n: done, total: sayCount("pictures", counts.all) });
}

/** Tells once that all pictures are done; the title says it of a tab that nobody looks at. */
function tellEnd({ busy, done, failed, all }) {
  document.title = busy > 0 ? `(${all - busy}/${all}) ${say("title")}` : say("title");
  const isAnswered = pictures.some((each) => each.state === "done" || each.state === "failed");
  if (wasBusy && busy === 0 && isAnswered) {
    const texts = [sayCount("classified", done)];
    if (failed > 0) texts.push(sayCount("not_classified", failed));
    announce(texts.join(" "));
  }
  wasBusy = busy > 0;
}

function measure(width) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const isNarrow = width < NARROW * rem;
  const columns = Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH * rem / 16 + GAP)));
  const body = Math.max(LEAST_BODY, BAR * choices.top);
  return { columns, gap: GAP, height: Math.round(rem * (HEAD[isNarrow ? "wide" : "tall"] + body)) };
}

function fillPlaced(card, picture, place) {
  fillCard(card, picture, acts);
  card.setAttribute("aria-label", describeCard(picture));
  setPosition(card, place, rows.items.length);
  card.tabIndex = roving.holds(picture.key, place) ? 0 : -1;
}

function openPicture(picture) {
  showDetails({
    picture,
    taskId: picture.taskId,
    thumbnail: findThumbnail(picture),
    leave: () => roving.moveTo(roving.place),
    step: (by) => {
      const at = rows.items.indexOf(picture) + by;
      if (at < 0 || at >= rows.items.length) return;
      roving.moveTo(at);
      openPicture(rows.items[at]);
    },
  });
}

function takeKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isOnCard = event.target.classList.contains("card");
  const picture = rows.items[roving.place];
  if (isOnCard && event.key === "Enter") {
    openPicture(picture);
  } else if (isOnCard && event.key === "Delete") {
    const place = roving.place;
    removePicture(picture);
    requestAnimationFrame(() => roving.moveTo(place));
  } else {
    const place = roving.findTarget(event.key);
    if (place === null) return;
    roving.moveTo(place);
  }
  event.preventDefault();
}
