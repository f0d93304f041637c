/**
 * The way to Dropbox and back. Dropbox's pages cut the popup off from the page that opened it,
 * so the server is asked how it ended.
 */

import { UNREACHABLE, asRefusal } from "../../server/server.js";
import type { Cloud } from "../../server/cloud.js";
import { networkOr, pause } from "../../time.js";

/** A link to Dropbox is good for ten minutes; an open picker asks for a fresh one before. */
export const LINK_LIFE_MS = 8 * 60_000;

/** Seconds that the server may hold the question. */
const WAIT = 25;

const POPUP = { width: 680, height: 760 };

/** How a try to connect ended. */
export type Ending = { connected: true } | { connected: false; code: string; message: string };

/** The query parameter by which a page knows that the person came back to it from Dropbox. */
export const RETURN_PARAMETER = "fs-tab";

/**
 * Opens Dropbox in a window of its own. Must be called in the click itself, or the browser
 * blocks it.
 */
export function openPopup(url: string): Window | null {
  const left = Math.max(0, window.screenX + (window.outerWidth - POPUP.width) / 2);
  const top = Math.max(0, window.screenY + (window.outerHeight - POPUP.height) / 2);
  const features = `popup,width=${POPUP.width},height=${POPUP.height},left=${Math.round(left)},top=${Math.round(top)}`;
  return window.open(url, "longshore-dropbox", features);
}

/** Browsers within apps have one window: a popup would open nothing, or take the page away. */
export function isInApp(agent: string): boolean {
  return /\b(FBAN|FBAV|FB_IAB|Instagram|Line\/|MicroMessenger|Twitter|LinkedInApp|Snapchat|musical_ly|BytedanceWebview|GSA\/)|; wv\)/.test(agent);
}

/** Waits until the way to Dropbox has ended. */
export async function connected(cloud: Cloud, signal: AbortSignal): Promise<Ending> {
  for (;;) {
    try {
      const { dropbox } = await cloud.status(WAIT, { signal });
      if (dropbox.connected) return { connected: true };
      const failure = dropbox.failure;
      // A failure without a time is how things stood before; one with a time has just happened.
      if (failure && (failure.at !== undefined || failure.code === "session-expired")) {
        return { connected: false, code: failure.code, message: failure.message };
      }
    } catch (error) {
      if (signal.aborted) throw error;
      const refusal = asRefusal(error);
      if (refusal.wait) await pause(refusal.wait * 1000, signal);
      else if (refusal.code === UNREACHABLE) await networkOr(2000, signal);
      else throw refusal;
    }
  }
}

/** This page's address, marked so that it is known when the person comes back. */
export function returnAddress(here: string): string {
  const back = new URL(here);
  back.searchParams.set(RETURN_PARAMETER, "init");
  return back.href;
}
