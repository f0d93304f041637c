/** Calls of the page's own functions, which may fail without harm to the picker. */

import type { Settings } from "./options.js";

export type Callback =
  | "onOpen" | "onClose" | "onCancel" | "onFileCropped" | "onUploadStarted" | "onFileUploadStarted" | "onFileUploadProgress"
  | "onFileUploadFinished" | "onFileUploadFailed" | "onFileUploadCancel" | "onUploadDone";

/** Calls the page. What goes wrong there is the page's, and is told on its console. */
export function call<Name extends Callback>(settings: Settings, name: Name, ...args: Parameters<NonNullable<Settings[Name]>>): void {
  const callback = settings[name] as ((...args: unknown[]) => unknown) | undefined;
  try {
    callback?.(...args);
  } catch (error) {
    console.error(`longshore: ${name} threw`, error);
  }
}
