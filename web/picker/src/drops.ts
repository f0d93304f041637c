/**
 * Files that are dragged over a place, dropped on it, or pasted into it. Nothing of what else is
 * dragged (texts, links, parts of the page) is touched.
 */

/** How long after the last word of a drag it counts as gone. */
const GONE_MS = 220;

/** One thing that was dropped or pasted: a file, or the entry of a folder. */
export interface Held {
  entry: FileSystemEntry | null;
  file: File | null;
}

/** What was dropped or pasted. Entries and files are only there for as long as the event lasts. */
export function held(data: DataTransfer): Held[] {
  const items = [...data.items].filter((item) => item.kind === "file");
  return items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
}

export interface DropHopes {
  /** Whether files hang over the place now. */
  over(is: boolean): void;
  /** To be read in this very call: afterwards the browser has forgotten the files. */
  give(data: DataTransfer): void;
  /** Whether files are taken at the moment. */
  takes(): boolean;
}

/** Listens for drops on `place`; answers what ends it. */
export function listenForDrops(place: EventTarget, hopes: DropHopes): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  let hangs = false;
  let gone: ReturnType<typeof setTimeout> | undefined;
  const over = (is: boolean) => {
    clearTimeout(gone);
    // Every few milliseconds while files hang there; leaving is not told reliably.
    if (is) gone = setTimeout(() => over(false), GONE_MS);
    if (is === hangs) return;
    hangs = is;
    hopes.over(is);
  };
  const dragged = (event: Event) => {
    const { dataTransfer } = event as DragEvent;
    if (!dataTransfer?.types.includes("Files")) return;
    // Without this the browser would leave the page and show the file.
    event.preventDefault();
    const takes = hopes.takes();
    dataTransfer.dropEffect = takes ? "copy" : "none";
    over(takes);
  };
  place.addEventListener("dragenter", dragged, { signal });
  place.addEventListener("dragover", dragged, { signal });
  place.addEventListener("drop", (event) => {
    const { dataTransfer } = event as DragEvent;
    if (!dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    over(false);
    if (hopes.takes()) hopes.give(dataTransfer);
  }, { signal });
  return () => {
    clearTimeout(gone);
    ending.abort();
  };
}

/** Listens for pasted files; `here` decides whether a paste is meant. Answers what ends it. */
export function listenForPastes(here: (event: ClipboardEvent) => boolean, give: (data: DataTransfer) => void): () => void {
  const paste = (event: ClipboardEvent) => {
    const { clipboardData } = event;
    if (!clipboardData?.types.includes("Files") || !here(event)) return;
    event.preventDefault();
    give(clipboardData);
  };
  document.addEventListener("paste", paste);
  return () => document.removeEventListener("paste", paste);
}
