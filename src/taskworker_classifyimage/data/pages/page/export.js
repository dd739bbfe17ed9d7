// The results as files: a table for spreadsheets, and JSON.

import { announce, copyText, saveFile } from "./dialogs.js";
import { choices, nameOf, nameOfCategory } from "./names.js";
import { pictures } from "./pictures.js";
import { readCategories, readPredictions } from "./results.js";
import { say, sayCount, sayPercent } from "./texts.js";

// Text that a spreadsheet takes for a formula, also behind quotes, blanks and what is not seen.
const FORMULA = /^(?:[\t\r\n]|[\s"'\x00-\x20\x85\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])/u;

// Of categories; those that overlap are in the JSON.
const LEVELS = ["coarse", "fine"];

export function exportCsv() {
  const rows = pictures.map((picture) => toLine(toCells(picture)));
  // Excel knows by the mark at the beginning that it is UTF-8.
  saveFile(say("csv_name"), ["\ufeff", toLine(listColumns()), ...rows], "text/csv");
  announce(sayCount("exported", rows.length));
}

export function exportJson() {
  const entries = pictures.map((picture) => ({
    file: picture.name,
    ...(picture.folder && { folder: picture.folder }),
    task: picture.taskId,
    state: picture.state,
    ...(picture.problem !== null && { problem: picture.problem() }),
    ...(picture.result !== null && { result: translate(picture.result) }),
  }));
  saveFile(say("json_name"), [JSON.stringify(entries, null, 2), "\n"], "application/json");
  announce(sayCount("exported", entries.length));
}

/** Lines of file, best name and probability, separated as spreadsheets paste them. */
export function copyResults() {
  const lines = pictures.map((picture) => {
    const [best] = readPredictions(picture.result);
    const found = best === undefined ? [] : [nameOf(best), sayPercent(best.probability)];
    return [picture.name, ...found].map((text) => text.replace(/[\t\r\n]/g, " ")).join("\t");
  });
  copyText(lines.join("\n"), sayCount("copied_lines", lines.length));
}

/** A result with the names in the chosen language, and as many predictions as are shown. */
function translate(result) {
  if (!Array.isArray(result?.predictions)) return result;
  const predictions = result.predictions.slice(0, choices.top);
  return {
    ...result,
    predictions: rename(predictions, nameOf),
    ...(Array.isArray(result.categories) && {
      categories: rename(result.categories, nameOfCategory),
    }),
  };
}

/** Entries with other names; what another program has put between them stays as it is. */
function rename(entries, sayName) {
  return entries.map((each) => (typeof each?.name === "string" ? { ...each, name: sayName(each) } : each));
}

function listColumns() {
  const columns = ["folder", "file", "state", "code", "problem"];
  for (const level of LEVELS) columns.push(level, `${level}_name`, `${level}_probability`);
  for (let rank = 1; rank <= choices.top; rank += 1) {
    columns.push(`class_${rank}`, `name_${rank}`, `probability_${rank}`);
  }
  return columns;
}

function toCells(picture) {
  const { folder, name, state, result, problem } = picture;
  const cells = [folder, name, state, result?.code ?? null, problem?.() ?? null];
  const categories = readCategories(result);
  for (const level of LEVELS) {
    const each = categories.find((found) => found.level === level);
    if (each === undefined) cells.push(null, null, null);
    else cells.push(each.id, nameOfCategory(each), withoutPoint(each.probability));
  }
  const predictions = readPredictions(result);
  for (let rank = 0; rank < choices.top; rank += 1) {
    const each = predictions[rank];
    if (each === undefined) cells.push(null, null, null);
    else cells.push(each.class, nameOf(each), withoutPoint(each.probability));
  }
  return cells;
}

function toLine(cells) {
  return `${cells.map(toCell).join(";")}\r\n`;
}

function toCell(value) {
  if (value === null) return "";
  const text = FORMULA.test(String(value)) ? `'${value}` : String(value);
  return /[;"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The same number as a whole number and a power of ten, which every spreadsheet reads: 84E-2. */
function withoutPoint(number) {
  const [digits, exponent = "0"] = String(number).split("e");
  const [whole, decimals = ""] = digits.split(".");
  return `${BigInt(whole + decimals)}E${Number(exponent) - decimals.length}`;
}
