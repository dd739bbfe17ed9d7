// Texts in the reader's language, numbers and elements.

const texts = readJson("texts");
const language = document.documentElement.lang;
const plurals = new Intl.PluralRules(language);
const wholeFormat = new Intl.NumberFormat(language);
const percentFormat = new Intl.NumberFormat(language, {
  style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1,
});

function readJson(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

function byId(id) {
  return document.getElementById(id);
}

/** A text of the page, with values in place of {name}. */
function say(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** A number and what it counts; the texts are KEY_one and KEY_other. */
function sayCount(key, count) {
  return say(`${key}_${plurals.select(count)}`, { n: wholeFormat.format(count) });
}

/** The explanation of a code, or the code itself if it is a newer one. */
function sayCode(code) {
  return texts[`code_${code}`] ?? code.replaceAll("_", " ");
}

function sayPercent(probability) {
  return percentFormat.format(probability);
}

function sayTime(text) {
  const time = new Date(text);
  return Number.isNaN(time.getTime())
    ? text
    : time.toLocaleString(language, { dateStyle: "medium", timeStyle: "medium" });
}

function saySize(bytes) {
  const units = ["kB", "MB", "GB", "TB"];
  if (bytes < 1000) return sayCount("bytes", bytes);
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  const format = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
  return `${format.format(bytes / 1000 ** power)} ${units[power - 1]}`;
}

/** Names with signs that are not seen, or that turn the reading direction, made visible. */
function toVisible(text) {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu,
    (sign) => `\u27e8${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`,
  );
}

/** A new element; all text goes in as text, never as markup. */
function make(tag, classes = "", text = null) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  if (text !== null) element.textContent = text;
  return element;
}

function makeButton(text, act, classes = "") {
  const button = make("button", classes, text);
  button.type = "button";
  button.addEventListener("click", act);
  return button;
}
