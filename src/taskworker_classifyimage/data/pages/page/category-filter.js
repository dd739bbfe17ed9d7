// Which of the pictures are shown: those of one category.

import { byId, fillSelect } from "./dom.js";
import { nameOfCategory } from "./names.js";
import { pictures } from "./pictures.js";
import { chooseCategories } from "./results.js";
import { say, sayNumber } from "./texts.js";

const LEVELS = ["coarse", "fine", "overlapping"];
let chosen = "";

export function connectCategoryFilter(act) {
  byId("category").addEventListener("change", ({ target }) => {
    chosen = target.value;
    act();
  });
}

export function isOfChosenCategory(picture) {
  return chosen === "" || chooseCategories(picture.result).some((each) => each.id === chosen);
}

/** Offers the categories that there are, with how many pictures each has. */
export function showCategories() {
  const counts = new Map();
  for (const picture of pictures) {
    for (const each of chooseCategories(picture.result)) {
      const entry = counts.get(each.id) ?? { category: each, count: 0 };
      entry.count += 1;
      counts.set(each.id, entry);
    }
  }
  if (!counts.has(chosen)) chosen = "";
  const options = LEVELS.flatMap((level) => [...counts.values()]
    .filter(({ category }) => category.level === level)
    .sort((one, other) => other.count - one.count)
    .map(({ category, count }) => [
      category.id, `${level === "fine" ? "\u2003" : ""}${nameOfCategory(category)} (${sayNumber(count)})`,
    ]));
  const select = byId("category");
  select.parentElement.hidden = options.length === 0;
  const all = [["", say("all_categories")], ...options];
  const now = [...select.options].map(({ value, text }) => [value, text]);
  // An open list closes when its options are set.
  if (JSON.stringify(now) !== JSON.stringify(all)) fillSelect(select, all, chosen);
  else select.value = chosen;
}
