/**
 * What went wrong, in words. Loaded when the server has refused something: a picker in which
 * nothing goes wrong does without. The codes are those of docs/API.md.
 */

import type { Key } from "../words/en.js";

type Pair = [title: Key, text: Key];

/** Why a screen cannot be shown: what it is, and whose turn it is. */
export const REASONS: Record<string, Pair> = {
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

/** What is wrong with one file, for its row. */
export const FILES: Record<string, Key> = {
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

/** Why a connection is missing, or a try to connect has ended. */
export const CONNECTIONS: Record<string, Pair> = {
  denied: ["Dropbox stayed closed", "You chose not to allow access. Nothing was connected."],
  reconnect: ["Connect your Dropbox again", "The link to your Dropbox was withdrawn or has ended."],
  "session-expired": ["Connect your Dropbox again", "Your sign-in has expired."],
  "missing-scope": ["Connect your Dropbox again", "A permission is missing that this page needs now."],
  "authorization-expired": ["That took a little long", "The sign-in link has expired. Connect again with a fresh one."],
  "authorization-used": ["That link was used before", "Connect again with a fresh one."],
};

/**
 * What only the page's developer can mend, in English as the documentation is. Shown where a page
 * is being developed; visitors get one sentence in their language.
 */
export const DEVELOPERS: Record<string, [title: string, text: string]> = {
  "dropbox-not-configured": ["No Dropbox app is set up", "Give the application a Dropbox app key and secret, or set LONGSHORE_DROPBOX_APP_KEY and LONGSHORE_DROPBOX_APP_SECRET for all."],
  "dropbox-app-misconfigured": ["The Dropbox app is not set up right", "Compare its permissions in the Dropbox App Console with docs/dropbox-app.md."],
  "unknown-apikey": ["This API key is not known", "Compare it with the one that was made for the application."],
  "origin-not-allowed": ["This page may not use the picker", "Add the page's origin to the application's allowed origins."],
  "policy-required": ["A policy is required", "The application's security is on: give the picker a policy and its signature."],
  "invalid-policy": ["The policy is not valid", "Compare how it is made with docs/API.md: the signature is over the base64 text."],
  "not-allowed": ["The policy does not allow this", "It has to allow the call, the path and the container."],
};

/** The same for tries to connect. */
export const CONNECTING_DEVELOPERS: Record<string, string> = {
  "dropbox-wrong-app": "App key and app secret of the Dropbox app do not belong together.",
  "dropbox-redirect-mismatch": "The redirect URI is not registered with the Dropbox app: the page in the other window shows the one to add.",
  "dropbox-missing-scopes": "The Dropbox app was not given the permissions that picking needs.",
};
