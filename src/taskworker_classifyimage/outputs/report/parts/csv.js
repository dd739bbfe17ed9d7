// The chosen pictures as a table for spreadsheets, as `classify --excel` writes it, or as paths.

// Text that a spreadsheet takes for a formula, also behind quotes, blanks and what is not seen.
const FORMULA = /^(?:[\t\r\n]|[\s"'\x00-\x20\x85\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])/u;
const STATUS_NAMES = ["ok", "not_a_picture", "failed"];

async function exportCsv() {
  const rows = await mapDetails(listChosen(), (at, detail) => toLine(toCells(at, detail)));
  const link = make("a");
  const file = new Blob(["\ufeff", toLine(listColumns()), ...rows], { type: "text/csv" });
  link.href = URL.createObjectURL(file);
  link.download = say("csv_name");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  announce(sayCount("exported", rows.length));
}

function listColumns() {
  const columns = ["path", "status", "code", "error", "size", "modified"];
  for (let rank = 1; rank <= facts.run.top; rank += 1) {
    columns.push(`class_${rank}`, `name_${rank}`, `probability_${rank}`);
  }
  for (const column of listLevels().keys()) {
    columns.push(`${column}_id`, `${column}_name`, `${column}_probability`);
  }
  return [...columns, "warnings", "sha256"];
}

/** Columns of categories, and the level of which each has the best one. */
function listLevels() {
  return new Map(facts.run.categories ? [["category", "fine"], ["coarse", "coarse"]] : []);
}

function toCells(at, detail) {
  const status = index.status[at];
  const code = status === OK ? null : facts.codes[index.group[at]];
  const { error, size, modified } = detail;
  const cells = [pathOf(at), STATUS_NAMES[status], code, error, size, modified];
  for (let rank = 0; rank < facts.run.top; rank += 1) {
    const each = detail.predictions[rank];
    if (each === undefined) cells.push(null, null, null);
    else cells.push(each.class, each.name, withoutPoint(each.probability));
  }
  for (const level of listLevels().values()) {
    const best = detail.categories.find((each) => each.level === level);
    if (best === undefined) cells.push(null, null, null);
    else cells.push(best.id, best.name, withoutPoint(best.probability));
  }
  return [...cells, detail.warnings.join("; "), detail.sha256];
}

function toLine(cells) {
  return `${cells.map(toCell).join(";")}\r\n`;
}

function toCell(value) {
  if (value === null) return "";
  const text = typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value);
  return /[;"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The same number as a whole number and a power of ten, which every spreadsheet reads: 84E-2. */
function withoutPoint(number) {
  const text = Number.isInteger(number) ? `${number}.0` : String(number);
  const [digits, exponent = "0"] = text.split("e");
  const [whole, decimals = ""] = digits.split(".");
  return `${BigInt(whole + decimals)}E${Number(exponent) - decimals.length}`;
}

function copyPaths() {
  const chosen = listChosen();
  copyText(chosen.map(pathOf).join("\n"), sayCount("copied_paths", chosen.length));
}

async function copyText(text, done) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages in files may not use the clipboard in some browsers.
    copyBySelecting(text);
  }
  announce(done);
}

function copyBySelecting(text) {
  const field = make("textarea", "aside");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
