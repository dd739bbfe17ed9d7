// The card of one picture: thumbnail, state, and its predictions or what went wrong.

import { makeBars, makeChosenName } from "./bars.js";
import { make, makeButton, makeIconButton, makeName, setText, toVisible } from "./dom.js";
import { choices, directionOf, nameOf, nameOfCategory } from "./names.js";
import { groupOf } from "./pictures.js";
import { chooseCategories, isIndependent, readPredictions } from "./results.js";
import { makePlaced } from "./rows.js";
import { language, say, sayDuration, sayPercent, sayShare } from "./texts.js";
import { findThumbnail } from "./thumbnails.js";

// A picture that waits longer shows for how long.
const LONG_MS = 3000;
const drawn = new WeakMap();

export function createCard() {
  return makePlaced("article", "card", "article");
}

/** Draws a card anew if it has changed; acts: what its buttons do. */
export function fillCard(card, picture, acts) {
  const thumbnail = findThumbnail(picture);
  const look = [
    picture.state, picture.result, picture.resultAt, thumbnail, choices.language, choices.top,
    language, picture.state === "failed" && picture.problem?.(),
  ];
  if (drawn.get(card)?.every((value, at) => value === look[at])) {
    showProgress(card, picture);
    return;
  }
  drawn.set(card, look);
  const focused = card.contains(document.activeElement) && document.activeElement.dataset.act;
  card.className = `card ${groupOf(picture)}`;
  card.replaceChildren(
    makeTile(picture, thumbnail, acts), makeHead(picture), makeBody(picture, acts),
    makeRemove(picture, acts),
  );
  showProgress(card, picture);
  if (focused) (card.querySelector(`[data-act="${focused}"]`) ?? card).focus();
}

/** What screen readers say of a card. */
export function describeCard(picture) {
  const predictions = readPredictions(picture.result).slice(0, isIndependent(picture.result) ? choices.top : 1);
  const found = predictions.map((each) => `${nameOf(each)}, ${sayPercent(each.probability)}`).join("; ");
  const state = picture.problem?.() ?? (found || sayState(picture));
  return [picture.name, state].join(": ");
}

export function sayState(picture) {
  const state = say(`state_${picture.state}`, { share: sayShare(picture.share) });
  const age = Date.now() - picture.since;
  const isLong = (picture.state === "queue" || picture.state === "classifying") && age > LONG_MS;
  return isLong ? `${state} \u00b7 ${sayDuration(age)}` : state;
}

function makeTile(picture, thumbnail, acts) {
  const tile = makeButton(null, () => acts.open(picture), "tile");
  tile.dataset.act = "open";
  tile.setAttribute("aria-label", say("open_details", { name: picture.name }));
  if (thumbnail) {
    const image = make("img");
    image.alt = "";
    image.src = thumbnail;
    // Else it could be dropped onto the page as another picture.
    image.draggable = false;
    tile.append(image);
  } else if (thumbnail === null) {
    tile.append(make("span", "no-picture", say("no_preview")));
  }
  return tile;
}

function makeHead(picture) {
  const head = make("h3", "file");
  head.append(makeName(picture.name || say("unnamed")));
  head.title = [picture.folder, picture.name].filter(Boolean).join("/");
  return head;
}

function makeBody(picture, acts) {
  const body = make("div", "body");
  const group = groupOf(picture);
  if (group === "done") body.append(...makeFindings(picture));
  else if (group === "failed") body.append(...makeProblem(picture, acts));
  else body.append(...makeProgress(picture));
  return body;
}

function makeFindings(picture) {
  const predictions = readPredictions(picture.result);
  if (predictions.length === 0) return [make("p", "soft", sayNothing(picture.result))];
  const bars = makeBars(predictions.slice(0, choices.top));
  const categories = chooseCategories(picture.result);
  return categories.length === 0 ? [bars] : [makeCategories(categories), bars];
}

function makeCategories(categories) {
  const line = make("p", "categories");
  line.dir = directionOf(choices.language);
  line.append(...categories.map((each) => makeChosenName(nameOfCategory(each), "category")));
  line.title = categories.map(sayCategory).join("\n");
  return line;
}

function sayNothing(result) {
  return say(isIndependent(result) ? "no_label" : "no_predictions");
}

function makeProblem(picture, acts) {
  const box = make("p", "problem");
  box.append(make("strong", "", sayState(picture)));
  if (picture.problem !== null) box.append(" ", makeName(picture.problem()));
  const canRetry = picture.file !== null || picture.state === "failed";
  if (!canRetry) return [box];
  const retry = makeButton(say("retry"), () => acts.retry(picture));
  retry.dataset.act = "retry";
  return [box, retry];
}

function makeProgress(picture) {
  const line = make("p", "state");
  line.append(make("span", "dot"), make("span", "state-text", sayState(picture)));
  if (picture.state !== "uploading") return [line];
  const bar = make("progress");
  bar.max = 1;
  bar.setAttribute("aria-label", say("upload_of", { name: picture.name }));
  return [line, bar];
}

/** How far a picture is changes often, the rest of the card does not. */
function showProgress(card, picture) {
  if (groupOf(picture) !== "busy") return;
  setText(card.querySelector(".state-text"), sayState(picture));
  if (picture.state === "uploading") card.querySelector("progress").value = picture.share;
}

function makeRemove(picture, acts) {
  const isBusy = picture.state === "waiting" || picture.state === "uploading";
  const name = say(isBusy ? "cancel_one" : "remove_one", { name: picture.name });
  const button = makeIconButton("close", name, () => acts.remove(picture), "remove");
  button.dataset.act = "remove";
  return button;
}

function sayCategory(category) {
  return `${toVisible(nameOfCategory(category))}: ${sayPercent(category.probability)}`;
}

/** A card's place among all, for screen readers. */
export function setPosition(card, place, count) {
  card.setAttribute("aria-posinset", String(place + 1));
  card.setAttribute("aria-setsize", String(count));
}
