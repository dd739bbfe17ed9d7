// Texts in the reader's language, numbers and times.

import { recall, remember } from "./memory.js";
import { makeSignal } from "./signals.js";

export const PAGE_LANGUAGES = { de: "Deutsch", en: "English" };
export const languageChanged = makeSignal();

export let language = "en";
let texts = {};
let formats = makeFormats("en");

function makeFormats(tag) {
  const unit = (name, digits) => new Intl.NumberFormat(tag, {
    style: "unit", unit: name, unitDisplay: "short", maximumSignificantDigits: digits,
  });
  return {
    plurals: new Intl.PluralRules(tag),
    whole: new Intl.NumberFormat(tag),
    rate: new Intl.NumberFormat(tag, { maximumFractionDigits: 1 }),
    size: new Intl.NumberFormat(tag, { maximumSignificantDigits: 3 }),
    percent: new Intl.NumberFormat(tag, {
      style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1,
    }),
    wholePercent: new Intl.NumberFormat(tag, { style: "percent" }),
    age: new Intl.RelativeTimeFormat(tag, { style: "short", numeric: "auto" }),
    time: new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "medium" }),
    milliseconds: unit("millisecond", 3),
    seconds: unit("second", 3),
    minutes: unit("minute", 3),
    hours: unit("hour", 3),
    days: unit("day", 3),
  };
}

/** The language that was chosen, or the first of the browser's that the page speaks. */
export function preferLanguage() {
  const chosen = recall("language");
  const wanted = [chosen, ...navigator.languages].map((tag) => String(tag).split("-")[0]);
  return wanted.find((tag) => Object.hasOwn(PAGE_LANGUAGES, tag)) ?? "en";
}

/** Reads the texts of a language and shows them. */
export async function speak(tag) {
  const answer = await fetch(`page/texts.${tag}.json`);
  texts = await answer.json();
  language = tag;
  formats = makeFormats(tag);
  document.documentElement.lang = tag;
  fillTexts();
  languageChanged.send();
}

export function chooseLanguage(tag) {
  remember("language", tag);
  return speak(tag);
}

/** Texts that stand in the document, in English, and their names. */
function fillTexts() {
  document.title = say("title");
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = say(element.dataset.text);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    const text = say(element.dataset.label);
    element.setAttribute("aria-label", text);
    if (element.tagName === "BUTTON") element.title = text;
    if (element.tagName === "INPUT") element.placeholder = text;
  }
}

/** A text of the page, with values in place of {name}. */
export function say(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** A number and what it counts; the texts are KEY_one and KEY_other. */
export function sayCount(key, count) {
  return say(`${key}_${formats.plurals.select(count)}`, { n: sayNumber(count) });
}

/** A text for a code, or for none that is known. */
export function sayIfKnown(key, otherwise) {
  return texts[key] ?? otherwise;
}

export function sayNumber(number) {
  return formats.whole.format(number);
}

export function sayRate(number) {
  return formats.rate.format(number);
}

export function sayPercent(probability) {
  if (probability > 0 && probability < 0.001) return `< ${formats.percent.format(0.001)}`;
  return formats.percent.format(probability);
}

export function sayShare(share) {
  return formats.wholePercent.format(Math.floor(share * 100) / 100);
}

export function saySize(bytes) {
  const units = ["kB", "MB", "GB", "TB"];
  if (bytes < 1000) return sayCount("bytes", bytes);
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  return `${formats.size.format(bytes / 1000 ** power)} ${units[power - 1]}`;
}

export function sayTime(milliseconds) {
  return formats.time.format(milliseconds);
}

/** How long something took. */
export function sayDuration(milliseconds) {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 1) return formats.milliseconds.format(Math.round(seconds * 1000));
  if (seconds < 60) return formats.seconds.format(seconds);
  if (seconds < 3600) return formats.minutes.format(Math.floor(seconds / 60));
  if (seconds < 86_400) return formats.hours.format(Math.floor(seconds / 3600));
  return formats.days.format(Math.floor(seconds / 86_400));
}

/** How long ago something was. */
export function sayAge(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return formats.age.format(-seconds, "second");
  if (seconds < 3600) return formats.age.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86_400) return formats.age.format(-Math.floor(seconds / 3600), "hour");
  return formats.age.format(-Math.floor(seconds / 86_400), "day");
}
