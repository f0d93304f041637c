/** What went wrong, in words: a title, whose turn it is, and nothing of codes. */

import { UNREACHABLE, type Refusal } from "../server/server.js";
import type { Words } from "../words/words.js";
import type * as Texts from "./texts.js";

export interface Reason {
  title: string;
  text: string;
}

let texts: typeof Texts | undefined;

/**
 * Loads the words for refusals; to be waited for before one is shown. Never rejects: without them
 * the server's own sentence is shown.
 */
export async function loadReasons(): Promise<void> {
  texts ??= await import("./texts.js").catch(() => undefined);
}

/** Why a screen cannot be shown. */
export function because(why: Refusal, words: Words): Reason {
  const { code } = why;
  // Who cannot be reached sends no words either.
  if (code === UNREACHABLE) return { title: words.t("The server cannot be reached"), text: words.t("Check the connection. This goes on by itself when it is back.") };
  const developers = texts?.DEVELOPERS[code];
  if (developers) {
    if (isLocal(location.hostname)) return { title: developers[0], text: developers[1] };
    return { title: words.t("This picker is not set up yet"), text: words.t("The people who run this page have to finish setting it up.") };
  }
  const known = texts?.REASONS[code];
  if (known) return { title: words.t(known[0]), text: words.t(known[1]) };
  return { title: words.t("That did not work"), text: sentence(why.message) };
}

/** Why one file was not stored. */
export function fileReason(why: Refusal, words: Words): string {
  if (why.code === UNREACHABLE) return words.t("The server cannot be reached");
  const known = texts?.FILES[why.code];
  return known ? words.t(known) : sentence(why.message);
}

/** Why Dropbox is not connected. */
export function connectionReason(code: string, message: string, words: Words): Reason {
  const known = texts?.CONNECTIONS[code];
  if (known) return { title: words.t(known[0]), text: words.t(known[1]) };
  const developers = texts?.CONNECTING_DEVELOPERS[code];
  const title = words.t("Dropbox is not connected");
  if (!developers) return { title, text: sentence(message) };
  return { title, text: isLocal(location.hostname) ? developers : words.t("The people who run this page have to finish setting it up.") };
}

/** Whether this page is being developed: then its developer is who looks. */
function isLocal(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|.+\.localhost)$/.test(host);
}

function sentence(words: string): string {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?。]$/.test(text) ? text : `${text}.`;
}
