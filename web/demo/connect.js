// The way to Dropbox and back, and the words for all the ways in which it can end.

import { CloudError } from "./cloud.js";
import { h, icon } from "./dom.js";

/** @typedef {import("./cloud.js").Cloud} Cloud */
/** @typedef {import("./cloud.js").Auth} Auth */

/** A link to Dropbox is good for ten minutes; a picker left open asks for a fresh one before. */
export const LINK_LIFE_MS = 8 * 60_000;

const POPUP = { width: 680, height: 760 };

/** @type {Record<string, {title: string, text: string}>} */
const WHY = {
  none: {
    title: "Connect your Dropbox",
    text: "Dropbox opens in a window of its own. You choose there whether this page may see your files.",
  },
  denied: {
    title: "Dropbox stayed closed",
    text: "You chose not to allow access. Nothing was connected. Connect again if this was not intended.",
  },
  reconnect: {
    title: "Connect your Dropbox again",
    text: "The link to your Dropbox was withdrawn or has ended.",
  },
  "session-expired": {
    title: "Connect your Dropbox again",
    text: "Your sign-in has expired.",
  },
  "missing-scope": {
    title: "Connect your Dropbox again",
    text: "A permission is missing that this page needs now.",
  },
  "authorization-expired": {
    title: "That took a little long",
    text: "The sign-in link has expired. Connect again with a fresh one.",
  },
};

/**
 * Opens Dropbox in a window of its own. Must be called in the click itself, or the browser
 * blocks it. Answers whether it opened.
 * @param {string} url
 */
export function openPopup(url) {
  const left = Math.max(0, window.screenX + (window.outerWidth - POPUP.width) / 2);
  const top = Math.max(0, window.screenY + (window.outerHeight - POPUP.height) / 2);
  const features = `popup,width=${POPUP.width},height=${POPUP.height},left=${left},top=${top}`;
  return window.open(url, "longshore-dropbox", features) !== null;
}

/**
 * Waits until the way to Dropbox has ended. The popup cannot tell (Dropbox's pages cut the tie
 * to the window that opened them), so the server is asked, which answers as soon as it knows.
 * @param {Cloud} cloud
 * @param {AbortSignal} signal
 * @returns {Promise<{connected: true} | {connected: false, code: string, message: string}>}
 */
export async function connected(cloud, signal) {
  for (;;) {
    try {
      // How an earlier try ended was told before that time.
      const answer = await cloud.status({ wait: 25, since: cloud.time }, signal);
      const { connected: done, failure } = answer.dropbox;
      if (done) return { connected: true };
      // A failure without a time is how things stood before; one with a time has just happened.
      const ended = failure && (failure.at || failure.code === "session-expired");
      if (failure && ended) return { connected: false, code: failure.code, message: failure.message };
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof CloudError && error.code !== "unreachable" && !error.wait) throw error;
      await pause(error instanceof CloudError && error.wait ? error.wait * 1000 : 2000, signal);
    }
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/**
 * The screen that asks to connect.
 * @param {{code?: string | undefined, message?: string, onConnect: () => void}} about
 */
export function connectScreen({ code, message, onConnect }) {
  const why = WHY[code ?? "none"] ?? { title: "Dropbox is not connected", text: message ?? "" };
  const button = h("button", { class: "lp-primary", attrs: { type: "button" }, on: { click: onConnect } },
    icon("dropbox"), "Connect Dropbox");
  return notice({ mark: "dropbox", title: why.title, text: why.text, actions: [button] });
}

/**
 * The screen while Dropbox is open in another window, or was kept from opening.
 * @param {{blocked: boolean, onOpen: () => void, onHere: () => void, onCancel: () => void}} about
 */
export function waitingScreen({ blocked, onOpen, onHere, onCancel }) {
  /** @param {string} text @param {string} kind @param {() => void} click */
  const button = (text, kind, click) =>
    h("button", { class: kind, text, attrs: { type: "button" }, on: { click } });
  return notice({
    mark: "dropbox",
    busy: !blocked,
    title: blocked ? "The browser blocked the window" : "Finish signing in in the other window",
    text: blocked
      ? "Allow windows for this page and open it again, or go on in this tab: it comes back here."
      : "This page notices by itself when you are done there.",
    actions: blocked
      ? [button("Continue in this tab", "lp-primary", onHere), button("Open again", "lp-plain", onOpen)]
      : [
          button("Open again", "lp-plain", onOpen),
          button("Continue in this tab", "lp-plain", onHere),
          button("Cancel", "lp-plain", onCancel),
        ],
  });
}

/**
 * A screen with one thing to say.
 * @param {{mark: "dropbox" | "warning" | "search", title: string, text: string, busy?: boolean, actions?: Node[], details?: string}} about
 */
export function notice({ mark, title, text, busy = false, actions = [], details }) {
  const fold = details
    ? h("details", { class: "lp-details" }, h("summary", { text: "Details" }), h("code", { text: details }))
    : null;
  return h("div", { class: `lp-notice${busy ? " lp-busy" : ""}` },
    h("div", { class: `lp-mark lp-mark-${mark}` }, icon(mark)),
    h("h3", { text: title }),
    h("p", { text }),
    h("div", { class: "lp-actions" }, ...actions),
    fold,
  );
}

/**
 * What went wrong, whose turn it is, and one button that helps.
 * @param {unknown} error
 * @param {() => void} retry
 */
export function errorScreen(error, retry) {
  const known = error instanceof CloudError ? error : new CloudError("unexpected", String(error));
  const details = [known.code, known.request].filter(Boolean).join(" · ");
  const button = h("button", { class: "lp-primary", text: "Try again", attrs: { type: "button" }, on: { click: retry } });
  /** @param {string} title @param {string} text */
  const say = (title, text) => notice({ mark: "warning", title, text, actions: [button], details });
  switch (known.code) {
    case "unreachable":
      return say("The server cannot be reached", "Check the connection. This goes on by itself when it is back.");
    case "dropbox-not-configured":
      return say("No Dropbox app is set up", `For the developer of this page: ${known.message}.`);
    case "unknown-apikey":
      return say("This page's API key is not known", "For the developer of this page: compare it with the one that was made for the application.");
    case "origin-not-allowed":
      return say("This page may not use the picker", "For the developer of this page: add its origin to the application's allowed origins.");
    case "path-not-found":
      return say("This folder is gone", "It was moved or deleted since it was listed.");
    case "dropbox-unavailable":
      return say("Dropbox does not answer", "This is on Dropbox's side. Try again in a moment.");
    case "dropbox-rate-limited":
      return notice({ mark: "warning", title: `Dropbox asks us to wait ${known.wait ?? 1} s`, text: "This goes on by itself.", details });
    default:
      return say("That did not work", `${sentence(known.message)}`);
  }
}

/** @param {string} words */
export function sentence(words) {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
