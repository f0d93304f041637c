/** What a pick answers, in the shape that integrations of the protocol expect. */

import type { Item } from "./sources/source.js";

/** A file in a result and in callbacks. Handle and url are there once it is stored. */
export interface PickedFile {
  filename: string;
  handle?: string;
  mimetype: string;
  /** Where it lay in its source. */
  originalPath: string;
  size: number;
  /** The source's name in `fromSources`. */
  source: string;
  url?: string;
  uploadId: string;
  status?: string;
  key?: string;
  container?: string;
  originalFile?: File | { name: string; type: string; size: number };
  /** The area that was kept of a picture, in its own pixels. */
  cropped?: { cropArea: { position: [number, number]; size: [number, number] }; originalImageSize: [number, number] };
  /** By how many degrees a picture was turned. */
  rotated?: { value: number; direction: "CW" | "CCW" };
}

/**
 * How a pick ended. A person who closes the picker has not failed: both lists are empty then.
 */
export interface PickResult {
  filesUploaded: PickedFile[];
  filesFailed: PickedFile[];
}

/** What the storage answers of a file. */
export interface Stored {
  handle: string;
  url: string;
  filename: string;
  mimetype: string;
  size: number;
  status?: string | undefined;
  key?: string | undefined;
  container?: string | undefined;
}

/** An item as callbacks see it; with what is known of it in the storage once it is there. */
export function picked(item: Item, uploadId: string, stored?: Stored, expose = false): PickedFile {
  const file: PickedFile = {
    filename: stored?.filename ?? item.name,
    mimetype: stored?.mimetype ?? item.mimetype,
    originalPath: item.path,
    size: stored?.size ?? item.bytes,
    source: item.source,
    uploadId,
    originalFile: expose && item.file ? item.file : { name: item.name, type: item.mimetype, size: item.bytes },
  };
  const { edit, size } = item.edited ?? {};
  if (edit && size && (edit.area || edit.circle)) {
    file.cropped = { cropArea: edit.area ?? { position: [0, 0], size }, originalImageSize: size };
  }
  if (edit && edit.turn !== 0) {
    file.rotated = edit.turn === 270 ? { value: 90, direction: "CCW" } : { value: edit.turn, direction: "CW" };
  }
  if (stored) {
    file.handle = stored.handle;
    file.url = stored.url;
    file.status = stored.status ?? "Stored";
    if (stored.key !== undefined) file.key = stored.key;
    if (stored.container !== undefined) file.container = stored.container;
  }
  return file;
}

/** A new id for an upload: 32 hex digits. Works on plain http, too. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
