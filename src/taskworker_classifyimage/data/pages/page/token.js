// The token of the bridge: asked for once, kept for the tab, sent in a header only.

import { byId, setText } from "./dom.js";
import { recall, remember } from "./memory.js";
import { say } from "./texts.js";

let token = recall("token", "sessionStorage") ?? "";
// A proxy in front of the bridge asks for the browser's own login.
let leavesItToBrowser = false;
let asking = null;

/** The headers of a call. Without one of them, a bridge's refusal would open a dialog of the browser. */
export function makeHeaders() {
  return leavesItToBrowser ? {} : { Authorization: `Bearer ${token}` };
}

export function hasToken() {
  return token !== "";
}

/** After a 401: returns when it is worth to call again.
 *
 * Takes the headers of the call that was refused, and the WWW-Authenticate of the answer.
 */
export async function settleRefusal(headers, scheme) {
  // Another call has settled it in the meantime.
  if (headers.Authorization !== makeHeaders().Authorization) return;
  if (headers.Authorization !== undefined && /^basic/i.test(scheme ?? "")) {
    leavesItToBrowser = true;
    return;
  }
  asking ??= askUntilRight().finally(() => { asking = null; });
  await asking;
}

async function askUntilRight() {
  leavesItToBrowser = false;
  const dialog = byId("token-dialog");
  let problem = token === "" ? "" : say("token_wrong");
  dialog.showModal();
  for (;;) {
    setText(byId("token-problem"), problem);
    token = await readField();
    remember("token", token, "sessionStorage");
    problem = await tryToken();
    if (problem === null) break;
  }
  byId("token-field").value = "";
  dialog.close();
}

function readField() {
  const field = byId("token-field");
  field.select();
  field.focus();
  return new Promise((resolve) => {
    byId("token-form").addEventListener("submit", (event) => {
      event.preventDefault();
      resolve(field.value.trim());
    }, { once: true });
  });
}

/** What is wrong with the token, null if nothing is. */
async function tryToken() {
  try {
    const answer = await fetch("api/version", { headers: makeHeaders(), cache: "no-store" });
    return answer.status === 401 ? say("token_wrong") : null;
  } catch (error) {
    // A header cannot hold every sign.
    return error instanceof TypeError && /[^\x21-\x7e]/.test(token)
      ? say("token_wrong")
      : say("offline");
  }
}
