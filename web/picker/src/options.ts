/**
 * What an integration may ask of the picker: the protocol's options, each honored or refused by
 * name on the console, once. A refusal never stops the picker.
 */

import type { PickedFile, PickResult } from "./result.js";

type Maybe<T> = T | Promise<T>;

/** Stops, or goes on with, one upload. */
export interface UploadToken {
  pause(): void;
  resume(): void;
  cancel(): void;
}

/** What {@link PickerOptions.onOpen} gets. Every call may be repeated. */
export interface PickerHandle {
  open(): Promise<void>;
  /** Closes the picker; uploads that run are given up. */
  close(): Promise<void>;
  /** Gives up every upload. */
  cancel(): Promise<void>;
  crop(files: unknown): Promise<void>;
}

export interface StoreOptions {
  filename?: string;
  location?: string;
  container?: string;
  path?: string;
  region?: string;
  access?: string;
  workflows?: unknown[];
}

/** What a drop pane tells and how it looks. */
export interface DropPaneOptions {
  disableClick?: boolean;
  /** False: only drops on the pane itself are taken, and not all over the page. */
  overlay?: boolean;
  showIcon?: boolean;
  showProgress?: boolean;
  customText?: string | Record<string, string>;
  onClick?: (event: MouseEvent) => void;
  onDragEnter?: (event: DragEvent) => void;
  onDragLeave?: (event: DragEvent) => void;
  onDragOver?: (event: DragEvent) => void;
  onDrop?: (event: DragEvent) => void;
  /** Files that were stored, in place of onUploadDone. */
  onSuccess?: (files: PickedFile[]) => void;
  onError?: (files: PickedFile[]) => void;
  onProgress?: (percent: number) => void;
}

/** All that is honored. What else the protocol knows is refused with a warning. */
export interface PickerOptions {
  /** What may be picked: `image/*`, `application/pdf`, `.pdf`. Everything when absent. */
  accept?: string | string[];
  /** Decides over each file; rejecting keeps it out, with the rejection's words. */
  acceptFn?: (file: PickedFile, options: { accept: string[]; acceptMime: string[]; mimeFromMagicBytes: Promise<string>; mimeFromExtension: string }) => Maybe<unknown>;
  /** False: a pick with failures ends by itself. Else it stays and can be mended. */
  allowManualRetry?: boolean;
  /** Uploads at once, 1 to 20. */
  concurrency?: number;
  /** Where an inline picker goes: an element, or its selector or id. */
  container?: string | Element;
  /** Lines above and below the connect button, by cloud or `default`. */
  customAuthText?: Record<string, { top?: string | string[]; bottom?: string | string[] }>;
  /** Own words, by the English ones. */
  customText?: Record<string, string>;
  /** True: no folders of the device, which otherwise can be given whole. */
  disableDirectoryUpload?: boolean;
  disableStorageKey?: boolean;
  disableThumbnails?: boolean;
  /** True: pictures are not edited. */
  disableTransformer?: boolean;
  /** `dropPane`: a place for files of the device in `container`, which sends them off at once. */
  displayMode?: "overlay" | "inline" | "dropPane";
  dropPane?: DropPaneOptions;
  /** How long a message stays, in ms; 0: until it is closed. */
  errorsTimeout?: number;
  exposeOriginalFile?: boolean;
  fromSources?: unknown[];
  /** Files dropped anywhere on the page are taken while an inline picker is there. */
  globalDropZone?: boolean;
  hideModalWhenUploading?: boolean;
  /** Removes what a camera wrote about a JPEG of the device. */
  cleanupImageExif?: boolean | { keepOrientation?: boolean; keepICCandAPP?: boolean };
  /** Width and height of pictures of the device; null leaves a side open. Their shape stays. */
  imageDim?: [number | null, number | null];
  /** Larger pictures of the device are made smaller. */
  imageMax?: [number | null, number | null];
  /** Smaller pictures of the device are made larger. */
  imageMin?: [number | null, number | null];
  /** Pictures outside imageMin and imageMax are not taken, in place of being changed. */
  imageMinMaxBlock?: boolean;
  lang?: string;
  maxFiles?: number;
  /** Bytes. */
  maxSize?: number;
  minFiles?: number;
  /** Width and height on a desktop, in px. */
  modalSize?: [number, number];
  /** Pastes outside an inline picker are taken, too. */
  pasteMode?: { pasteToFirstInViewPort?: boolean; pasteToFirstInstance?: boolean };
  /** The id of the picker's element in the page. */
  rootId?: string;
  startUploadingWhenMaxFilesReached?: boolean;
  storeTo?: StoreOptions;
  supportEmail?: string;
  /** What may be done to pictures of the device; everything unless it says otherwise. */
  transformations?: boolean | { crop?: boolean | { aspectRatio?: number; force?: boolean }; circle?: boolean; rotate?: boolean; force?: boolean; config?: unknown };
  /**
   * Parts of device files are sent while the person still chooses; what they let go is never
   * stored. True unless it is false, and only where `disableTransformer` is true.
   */
  uploadInBackground?: boolean;
  /** Only its `tags` matter to copies from a cloud. */
  uploadConfig?: { tags?: Record<string, string | ((file: PickedFile) => string)> } & Record<string, unknown>;
  viewType?: "list" | "grid";
  /** `light`, `dark`, or as the visitor's system has it. Not in the protocol. */
  theme?: "light" | "dark" | "auto";

  onOpen?: (handle: PickerHandle) => void;
  onClose?: () => void;
  onCancel?: (result: PickResult) => void;
  onFileCropped?: (file: PickedFile) => void;
  onFileSelected?: (file: PickedFile) => Maybe<unknown>;
  onUploadStarted?: (files: PickedFile[]) => void;
  onFileUploadStarted?: (file: PickedFile, token: UploadToken) => void;
  onFileUploadProgress?: (file: PickedFile, progress: { totalPercent: number; totalBytes: number }) => void;
  onFileUploadFinished?: (file: PickedFile) => void;
  onFileUploadFailed?: (file: PickedFile, error: Error) => void;
  onFileUploadCancel?: (file: PickedFile) => void;
  onUploadDone?: (result: PickResult) => void;
}

/** Options as the picker uses them: complete, within their limits. */
export interface Settings extends PickerOptions {
  accept: string[];
  concurrency: number;
  displayMode: "overlay" | "inline" | "dropPane";
  errorsTimeout: number;
  fromSources: string[];
  maxFiles: number;
  minFiles: number;
  rootId: string;
}

/** Sources that this picker has, in the order in which they are offered. */
export const SOURCES = ["dropbox", "local_file_system", "url"] as const;

const MOST_FILES = 1_000_000;

/** Options of the protocol that are honored, and those of our own. */
const HONORED = new Set<string>([
  "accept", "acceptFn", "allowManualRetry", "cleanupImageExif", "concurrency", "container", "customAuthText", "customText",
  "disableDirectoryUpload", "disableStorageKey", "disableThumbnails", "disableTransformer", "displayMode", "dropPane", "errorsTimeout", "exposeOriginalFile",
  "fromSources", "globalDropZone", "hideModalWhenUploading", "imageDim", "imageMax", "imageMin", "imageMinMaxBlock", "lang", "maxFiles", "maxSize", "minFiles", "modalSize", "rootId",
  "startUploadingWhenMaxFilesReached", "storeTo", "supportEmail", "uploadConfig", "uploadInBackground", "viewType", "theme",
  "onOpen", "onClose", "onCancel", "onFileSelected", "onUploadStarted", "onFileUploadStarted",
  "onFileCropped", "pasteMode", "transformations", "onFileUploadProgress", "onFileUploadFinished", "onFileUploadFailed", "onFileUploadCancel", "onUploadDone",
]);

/** Options that ask for the absence of something this picker does not have: granted. */
const GRANTED_WHEN_OFF: Record<string, unknown> = {
  disableAltText: true,
  useSentryBreadcrumbs: false,
  transformationsUI: false,
  miniUploader: false,
  failOverMaxFiles: false,
};

/** Members of `storeTo` that the server reads. */
const STORE_MEMBERS = ["filename", "container", "path", "access"] as const;

/** Something that is wrong with an option, or not honored. */
export type Complaint =
  | { kind: "refused"; name: string }
  | { kind: "number"; name: string; least: number; most: number; taken: number }
  | { kind: "least"; minFiles: number; maxFiles: number }
  | { kind: "background" }
  | { kind: "store"; name: string }
  | { kind: "container" | "mode"; mode: string }
  | { kind: "source"; name: string | undefined }
  | { kind: "sources"; offered: readonly string[] };

type Complain = (about: Complaint) => void;

/** Reads options; what is wrong or not honored is complained of, and left out. */
export function readOptions(given: Record<string, unknown>, complain: Complain): Settings {
  const known: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    if (HONORED.has(name)) known[name] = value;
    else if (name in GRANTED_WHEN_OFF && value === GRANTED_WHEN_OFF[name]) continue;
    else complain({ kind: "refused", name });
  }
  const options = known as PickerOptions;
  const maxFiles = within("maxFiles", options.maxFiles, 1, MOST_FILES, 1, complain);
  const minFiles = within("minFiles", options.minFiles, 1, MOST_FILES, 1, complain);
  if (minFiles > maxFiles) complain({ kind: "least", minFiles, maxFiles });
  if (options.uploadInBackground && !options.disableTransformer) complain({ kind: "background" });
  for (const name of Object.keys(options.storeTo ?? {})) {
    if (["location", "region", "workflows"].includes(name)) complain({ kind: "store", name });
  }
  return {
    ...options,
    accept: listOf(options.accept),
    concurrency: within("concurrency", options.concurrency, 1, 20, 4, complain),
    displayMode: displayMode(options, complain),
    errorsTimeout: within("errorsTimeout", options.errorsTimeout, 0, 3_600_000, 5000, complain),
    fromSources: sources(options.fromSources, complain),
    maxFiles,
    minFiles: Math.min(minFiles, maxFiles),
    rootId: options.rootId ?? "__filestack-picker",
  };
}

/** The protocol's `store` object for a copy. */
export function storeOf(settings: Settings): Record<string, unknown> {
  const store: Record<string, unknown> = {};
  for (const name of STORE_MEMBERS) {
    const value = settings.storeTo?.[name];
    if (value !== undefined && value !== "") store[name] = value;
  }
  if (settings.disableStorageKey) store["disableStorageKey"] = true;
  return store;
}

function within(name: string, value: unknown, least: number, most: number, otherwise: number, complain: Complain): number {
  if (value === undefined) return otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  complain({ kind: "number", name, least, most, taken: otherwise });
  return otherwise;
}

function listOf(accept: unknown): string[] {
  const list = Array.isArray(accept) ? accept : typeof accept === "string" ? accept.split(",") : [];
  return list.filter((word): word is string => typeof word === "string").map((word) => word.trim()).filter(Boolean);
}

function displayMode(options: PickerOptions, complain: Complain): "overlay" | "inline" | "dropPane" {
  const mode: string = options.displayMode ?? "overlay";
  if ((mode === "inline" || mode === "dropPane") && !options.container) {
    complain({ kind: "container", mode });
    return "overlay";
  }
  if (mode === "overlay" || mode === "inline" || mode === "dropPane") return mode;
  complain({ kind: "mode", mode });
  return "overlay";
}

function sources(wanted: unknown[] | undefined, complain: Complain): string[] {
  if (!wanted) return [...SOURCES];
  const has = (name: unknown): name is string => (SOURCES as readonly unknown[]).includes(name);
  for (const name of wanted) {
    if (!has(name)) complain({ kind: "source", name: typeof name === "string" ? name : undefined });
  }
  const found = wanted.filter(has);
  if (found.length > 0) return [...new Set(found)];
  complain({ kind: "sources", offered: SOURCES });
  return [...SOURCES];
}
