/** What went wrong, in words: a title, whose turn it is, and nothing of codes. */

import { UNREACHABLE, type Refusal } from "../server/server.js";
import type { Key } from "../words/en.js";
import type { Words } from "../words/words.js";

export interface Reason {
  title: string;
  text: string;
}

/** Codes of docs/API.md with a text of their own; the others show the server's sentence. */
const REASONS: Record<string, [Key, Key]> = {
  [UNREACHABLE]: ["The server cannot be reached", "Check the connection. This goes on by itself when it is back."],
  "path-not-found": ["This folder is gone", "It was moved or deleted since it was listed."],
  "dropbox-unavailable": ["Dropbox does not answer", "This is on Dropbox's side. Try again in a moment."],
  "dropbox-no-permission": ["Dropbox does not let you see this", "Ask whoever shared it, or choose another folder."],
  "dropbox-missing-scope": ["A permission is missing", "Sign out and connect again to grant it."],
  "dropbox-changed": ["It changed in the meantime", "List the folder again to see how it is now."],
  "invalid-session": ["Your sign-in has expired", "Connect your Dropbox again to go on."],
  reconnect: ["Your Dropbox is no longer connected", "Connect it again to go on."],
  "storage-full": ["The storage is full", "The people who run this page have to make room."],
  busy: ["The server has a lot to do", "This goes on by itself."],
  "policy-expired": ["This page was open for too long", "Load the page again to go on."],
};

/** Codes that only the page's developer can do something about. */
const DEVELOPERS = new Set([
  "dropbox-not-configured", "dropbox-app-misconfigured", "unknown-apikey", "origin-not-allowed",
  "policy-required", "invalid-policy", "not-allowed",
]);

/** What the developer is told. Loaded where the developer looks, before it can be needed. */
let told: Record<string, [title: string, text: string]> = {};

export async function loadForDevelopers(): Promise<void> {
  if (isLocal(location.hostname)) told = (await import("./developers.js")).DEVELOPERS;
}

/** What is wrong with one file, for its row. */
const FILES: Record<string, Key> = {
  [UNREACHABLE]: "The server cannot be reached",
  "path-not-found": "It was moved or deleted meanwhile",
  "file-size": "It is larger than this page takes",
  "not-downloadable": "This document cannot be downloaded from Dropbox",
  "content-hash-mismatch": "It arrived damaged and was not stored",
  "path-taken": "A file is stored under this name already",
  "dropbox-unavailable": "Dropbox does not answer",
  "dropbox-no-permission": "Dropbox does not let you read it",
  "storage-full": "The storage is full",
  "file-unreadable": "The file cannot be read any more",
  reconnect: "Your Dropbox is no longer connected",
  "invalid-session": "Your sign-in has expired",
  "not-connected": "Your Dropbox is no longer connected",
};

/** Whether this page is being developed: then its developer is who looks. */
export function isLocal(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|.+\.localhost)$/.test(host);
}

/** Why a screen cannot be shown. */
export function because(why: Refusal, words: Words): Reason {
  const developers = told[why.code];
  if (developers) return { title: developers[0], text: developers[1] };
  if (DEVELOPERS.has(why.code)) return { title: words.t("This picker is not set up yet"), text: words.t("The people who run this page have to finish setting it up.") };
  const known = REASONS[why.code];
  if (known) return { title: words.t(known[0]), text: words.t(known[1]) };
  return { title: words.t("That did not work"), text: sentence(why.message) };
}

/** Why one file was not stored. */
export function fileReason(why: Refusal, words: Words): string {
  const known = FILES[why.code];
  return known ? words.t(known) : sentence(why.message);
}

export function sentence(words: string): string {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?。]$/.test(text) ? text : `${text}.`;
}
