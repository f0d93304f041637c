/**
 * Loads the widget's module that lies beside the script that is running. Must be called while
 * that script runs for the first time: later nobody knows its address.
 */

import type * as Widget from "../widget.js";

declare global {
  /** Address of the widget's module relative to `picker.js`; filled in by the build. */
  const __WIDGET__: string;
  /** From package.json; filled in by the build. */
  const __VERSION__: string;
}

/** `below` is the way from this script's folder to the picker's. */
export function widgetBeside(below = ""): () => Promise<typeof Widget> {
  const script = document.currentScript;
  const base = script instanceof HTMLScriptElement && script.src ? script.src : location.href;
  const address = new URL(below + __WIDGET__, base).href;
  let loading: Promise<typeof Widget> | undefined;
  return () => {
    loading ??= (import(/* @vite-ignore */ address) as Promise<typeof Widget>).catch((error: unknown) => {
      // A failed load is forgotten: the next call tries again.
      loading = undefined;
      throw new Error(`longshore: the picker could not be loaded from ${address}`, { cause: error });
    });
    return loading;
  };
}
