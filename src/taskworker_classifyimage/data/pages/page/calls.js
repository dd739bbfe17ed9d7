// Calls to the bridge, with the token, and why they fail in words.

import { compareClocks } from "./clock.js";
import { say, sayIfKnown, saySize } from "./texts.js";
import { makeHeaders, settleRefusal } from "./token.js";

/** Where the bridge is, without a slash at the end; behind a proxy perhaps at a path. */
export const ROOT = new URL(".", document.baseURI).href.replace(/\/$/, "");

/** A call that was not answered as hoped; the status is 0 if nobody answered. */
export class Refusal extends Error {
  constructor(status, reason = "") {
    super(`${status} ${reason}`);
    this.status = status;
    this.reason = reason;
  }
}

/** The answer to a call; raises a Refusal, or an AbortError if the signal says so. */
export async function call(path, options = {}) {
  for (;;) {
    const headers = makeHeaders();
    const answer = await ask(path, { ...options, headers });
    compareClocks(answer.headers.get("Date"));
    if (answer.ok) return answer;
    if (answer.status !== 401) throw new Refusal(answer.status, readReason(await answer.text()));
    await settleRefusal(headers, answer.headers.get("WWW-Authenticate"));
  }
}

async function ask(path, options) {
  try {
    return await fetch(`api/${path}`, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0);
  }
}

/** The JSON of an answer. */
export async function read(path, options = {}) {
  const answer = await call(path, options);
  try {
    return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    // The answer broke off, or is not the bridge's.
    throw new Refusal(0);
  }
}

/** What a refusal says: JSON if it comes from the bridge, nothing if from a proxy. */
export function readReason(text) {
  try {
    return String(JSON.parse(text).error ?? "");
  } catch {
    return "";
  }
}

/** Why a call failed, for people. */
export function sayRefusal({ status, reason }) {
  if (status === 413) {
    const limit = /\d{4,}/.exec(reason);
    if (limit !== null) return say("refused_413", { size: saySize(Number(limit[0])) });
    return say("refused_413_proxy");
  }
  return sayIfKnown(`refused_${status}`, reason || say("refused", { status }));
}
