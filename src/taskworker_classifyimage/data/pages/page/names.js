// The names of classes and categories in the language that was chosen, and how many predictions are shown.

import { recall, remember } from "./memory.js";
import { makeSignal } from "./signals.js";
import { preferLanguage } from "./texts.js";

export const namesChanged = makeSignal();
export const TOPS = [1, 3, 5, 10, 20];
const DEFAULT_TOP = 5;
const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/;

export const choices = { language: "en", top: DEFAULT_TOP };
export let languages = ["en"];
let names = { classes: {}, categories: {} };

/** Reads which languages there are, and the names in the remembered one. */
export async function readChoices() {
  const top = recall("top");
  if (TOPS.includes(top)) choices.top = top;
  languages = await readJson("page/languages.json");
  const wanted = [recall("names"), ...navigator.languages, preferLanguage()];
  await chooseNames(wanted.map(findLanguage).find(Boolean) ?? languages[0], false);
}

/** The language of names for a tag such as de-AT; undefined if there is none. */
function findLanguage(tag) {
  const subtags = String(tag).toLowerCase().split("-");
  for (let length = subtags.length; length > 0; length -= 1) {
    const wanted = subtags.slice(0, length).join("-");
    const found = languages.find((each) => each.toLowerCase() === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Names everything in another language, without a new classification. */
export async function chooseNames(language, isRemembered = true) {
  const read = await readJson(`page/names/${encodeURIComponent(language)}.json`);
  names = read;
  choices.language = language;
  if (isRemembered) remember("names", language);
  namesChanged.send();
}

export function chooseTop(top) {
  choices.top = top;
  remember("top", top);
  namesChanged.send();
}

/** The name of a class; what the worker has called it, if it is none of the usual classes. */
export function nameOf(prediction) {
  const { classes } = names;
  return Object.hasOwn(classes, prediction.class) ? classes[prediction.class] : prediction.name;
}

/** The name of a category; what the worker has called it, if it is none of the usual ones. */
export function nameOfCategory(category) {
  const { categories } = names;
  return Object.hasOwn(categories, category.id) ? categories[category.id] : category.name;
}

/** A language's name for itself. */
export function sayLanguage(tag) {
  try {
    const name = new Intl.DisplayNames([tag], { type: "language" }).of(tag);
    return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
  } catch {
    return tag;
  }
}

export function directionOf(tag) {
  return RIGHT_TO_LEFT.test(tag) ? "rtl" : "ltr";
}

async function readJson(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}
