/** Calls of the page's own functions, which may fail without harm to the picker. */

import { asTypes, typeOfEnding } from "./accept.js";
import type { Settings } from "./options.js";
import { picked } from "./result.js";
import type { Item } from "./sources/source.js";

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

/**
 * Asks the page about a file that was chosen; rejects where it says no. Answers the name that the
 * page wants for it.
 */
export async function askPage({ acceptFn, onFileSelected, accept, exposeOriginalFile }: Settings, item: Item): Promise<string | undefined> {
  const file = picked(item, "", undefined, exposeOriginalFile);
  if (acceptFn) {
    const mime = typeOfEnding(item.name) ?? item.mimetype;
    await acceptFn(file, { accept, acceptMime: asTypes(accept), mimeFromMagicBytes: Promise.resolve(item.mimetype), mimeFromExtension: mime });
  }
  const answer: unknown = await onFileSelected?.(file);
  const name: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, "name") : undefined;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** Gives a file of the device another name; those of clouds are their owners'. */
export function rename(item: Item, name: string): void {
  const { file } = item;
  if (!file || name === item.name) return;
  item.file = new File([file], name, { type: file.type, lastModified: file.lastModified });
  item.name = name;
}
