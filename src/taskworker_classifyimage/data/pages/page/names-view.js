// Which classes and categories a word means.

import { makeChosenName } from "./bars.js";
import { read, sayRefusal } from "./calls.js";
import { delay } from "./clock.js";
import { byId, make, makeName } from "./dom.js";
import { connectLanguageChoice } from "./language-choice.js";
import { choices, directionOf, nameOf, nameOfCategory, namesChanged } from "./names.js";
import { languageChanged, say, sayCount, sayIfKnown } from "./texts.js";

const TYPING_MS = 200;
let control = new AbortController();
let found = null;

export function connectNamesView() {
  byId("name-search").addEventListener("input", delay(search, TYPING_MS));
  connectLanguageChoice(byId("name-language"));
  namesChanged.listen(search);
  languageChanged.listen(show);
}

async function search() {
  control.abort();
  control = new AbortController();
  const word = byId("name-search").value.trim();
  if (word === "") {
    take(null);
    return;
  }
  const query = new URLSearchParams({ word, language: choices.language });
  try {
    take(await read(`labels/find?${query}`, { signal: control.signal }));
  } catch (refusal) {
    if (refusal.name !== "AbortError") take({ problem: refusal });
  }
}

function take(answer) {
  found = answer;
  show();
}

function show() {
  const list = byId("names-found");
  list.replaceChildren(...makeEntries());
  byId("names-none").textContent = sayNone();
}

function sayNone() {
  if (found === null) return "";
  if (found.problem !== undefined) return sayRefusal(found.problem);
  const count = found.classes.length + found.categories.length + found.groups.length;
  return count === 0 ? say("nothing_found") : "";
}

function makeEntries() {
  if (found === null || found.problem !== undefined) return [];
  return [
    ...found.categories.map((each) => makeEntry(
      makeChosenName(nameOfCategory(each), "name"), sayIfKnown(`level_${each.level}`, each.level), each.id, each.classes,
    )),
    ...found.groups.map((each) => makeEntry(
      makeName(each.words.join(", "), "name"), say("group"), "", each.classes,
    )),
    ...found.classes.map((each) => makeEntry(
      makeChosenName(nameOf(each), "name"), say("class"), each.class, [],
    )),
  ];
}

/** What a word means; with what is below it, to be opened. */
function makeEntry(name, kind, id, below) {
  const entry = make("li", "meaning");
  const head = make("p", "row");
  head.append(name, make("span", "badge", kind), makeName(id, "class"));
  entry.append(head);
  if (below.length > 0) {
    const box = make("details");
    const classes = make("ul", "below");
    classes.dir = directionOf(choices.language);
    classes.lang = choices.language;
    classes.append(...below.map((id) => makeName(nameOf({ class: id, name: id }), "", "li")));
    box.append(make("summary", "", sayCount("classes", below.length)), classes);
    entry.append(box);
  }
  return entry;
}
