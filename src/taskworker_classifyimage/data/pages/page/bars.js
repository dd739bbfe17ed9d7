// Predictions and categories as bars: name, percent, and the id.

import { make, makeName, toVisible } from "./dom.js";
import { choices, directionOf, nameOf, nameOfCategory } from "./names.js";
import { sayPercent } from "./texts.js";

export function makeBars(predictions) {
  return makeList(predictions, (each) => makeBar(nameOf(each), each.class, each.probability));
}

export function makeCategoryBars(categories) {
  return makeList(categories, (each) => makeBar(nameOfCategory(each), each.id, each.probability));
}

/** A name of a class or category, in the language that was chosen. */
export function makeChosenName(text, classes) {
  const name = makeName(text, classes);
  name.lang = choices.language;
  name.dir = directionOf(choices.language);
  return name;
}

function makeList(entries, makeEntry) {
  const list = make("ol", "bars");
  list.append(...entries.map(makeEntry));
  return list;
}

function makeBar(text, id, probability) {
  const entry = make("li");
  const name = makeChosenName(text, "name");
  name.title = `${toVisible(text)} (${toVisible(id)})`;
  const track = make("span", "track");
  const fill = make("span", "fill");
  fill.style.width = `${100 * probability}%`;
  track.append(fill);
  entry.append(name, make("span", "percent", sayPercent(probability)), track, makeName(id, "class"));
  return entry;
}
