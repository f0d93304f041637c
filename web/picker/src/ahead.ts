/**
 * Loads what comes after the first screen before anybody asks for it: when the browser has nothing
 * else to do, or at the first touch of the picker.
 */

import type * as Second from "./second.js";

/** How long the first screen has the network for itself at most, in ms. */
const IDLE_MS = 1500;

let there: typeof Second | undefined;
let loading: Promise<typeof Second> | undefined;

/** What was loaded; nothing before that. */
export function second(): typeof Second | undefined {
  return there;
}

/** Loads it once. A load that failed is forgotten: the next call tries again. */
export function loadSecond(): Promise<typeof Second> {
  loading ??= import("./second.js").then(
    (loaded) => (there = loaded),
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

/** Loads it ahead. That it fails is told only when it is needed. */
export function loadAhead(touched: EventTarget): void {
  const load = () => void loadSecond().catch(() => undefined);
  for (const name of ["pointerdown", "keydown", "dragenter"]) touched.addEventListener(name, load, { once: true });
  // Safari has no word for being idle.
  if (typeof requestIdleCallback === "function") requestIdleCallback(load, { timeout: IDLE_MS });
  else setTimeout(load, IDLE_MS / 2);
}
