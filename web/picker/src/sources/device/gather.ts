/**
 * What was dropped or pasted, as files: folders are walked, up to a limit, and each file bears
 * its path in what was dropped. Knows nothing of what may be chosen.
 */

import type { Held } from "../../drops.js";

/** A file, and where it lay in what was given. */
export interface Found {
  file: File;
  /** `Holiday/2026/beach.jpg`; the file's own name where it lay in no folder. */
  path: string;
}

export interface Gathered {
  found: Found[];
  /** Whether there were more than the limit. */
  more: boolean;
}

/** Folders in folders are followed this deep. */
const DEEPEST = 32;

/** The files of a drop or of the clipboard, at most `limit`. */
export async function gather(entries: Held[], limit: number, folders: boolean): Promise<Gathered> {
  const gathered: Gathered = { found: [], more: false };
  for (const { entry, file } of entries) {
    if (entry?.isDirectory) {
      if (folders) await walk(entry as FileSystemDirectoryEntry, gathered, limit, 0);
    } else if (file) take(gathered, { file, path: file.name }, limit);
  }
  return gathered;
}

/** Files from an `<input type=file>`; a chosen folder tells their paths. */
export function listed(files: Iterable<File>, limit: number): Gathered {
  const gathered: Gathered = { found: [], more: false };
  for (const file of files) {
    const path = file.webkitRelativePath === "" ? file.name : file.webkitRelativePath;
    take(gathered, { file, path }, limit);
  }
  return gathered;
}

function take(gathered: Gathered, found: Found, limit: number): void {
  if (gathered.found.length >= limit) gathered.more = true;
  else gathered.found.push(found);
}

async function walk(folder: FileSystemDirectoryEntry, gathered: Gathered, limit: number, depth: number): Promise<void> {
  if (depth > DEEPEST) return;
  const reader = folder.createReader();
  for (;;) {
    // A hundred or so at a time; none is the end.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (gathered.more) return;
      if (entry.isDirectory) await walk(entry as FileSystemDirectoryEntry, gathered, limit, depth + 1);
      else take(gathered, { file: await fileOf(entry as FileSystemFileEntry), path: entry.fullPath.replace(/^\//, "") }, limit);
    }
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
