// The same calls for the command line.

import { ROOT } from "./calls.js";
import { hasToken } from "./token.js";

/** Adds a task of a type with these data, and the file of this name if it has one. */
export function makeAddLine(type, data, fileName) {
  const json = JSON.stringify(data === undefined ? { type } : { type, data });
  const parts = [`-F ${quote(`json=${escapeForm(json)}`)}`];
  if (fileName !== null) parts.push(`-F ${quote(`file=@"${escapeName(fileName)}"`)}`);
  return [`curl${sayToken()} ${parts.join(" \\\n     ")} \\`, `     ${ROOT}/api/tasks/add/`].join("\n");
}

export function makeResultLine(taskId) {
  return `curl${sayToken()} ${ROOT}/api/tasks/result/${taskId}/`;
}

/** The token itself is shown nowhere. */
export function sayToken() {
  return hasToken() ? ' -H "Authorization: Bearer $TOKEN"' : "";
}

/** As one word of a POSIX shell. */
function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** curl takes ; as the end of a value and a leading " as a quoted one. */
function escapeForm(json) {
  return json.includes(";") ? `"${json.replace(/[\\"]/g, "\\$&")}"` : json;
}

/** A name with control characters could not be pasted into a shell. */
function escapeName(name) {
  if (name === "" || /\p{C}/u.test(name)) return "picture.jpg";
  return name.replace(/[\\"]/g, "\\$&");
}
