/**
 * The seam between the picker and the places that files come from. A source shows itself in the
 * picker's body, lets people choose items, and carries them into the storage. The frame, the
 * selection and the transfers know sources by this interface alone.
 */

import type { ComponentChildren } from "preact";
import type { Edit, Size } from "../edit/geometry.js";
import type { Emitter } from "../emitter.js";
import type { Carrier } from "../transfers/queue.js";
import type { IconName } from "../views/icon_paths.js";

/** One file, or one folder, that a source offers. */
export interface Item {
  /** Tells it from every other item of every source. */
  key: string;
  /** The source's name in the protocol: `dropbox`, `local_file_system`, … */
  source: string;
  name: string;
  /** Where it lies in its source; `originalPath` of the result. */
  path: string;
  folder: boolean;
  mimetype: string;
  /** 0 for folders. */
  bytes: number;
  /** An address of a picture of it or of its kind. */
  thumbnail: string;
  /** Whether `thumbnail` shows the file itself. */
  pictured: boolean;
  /** RFC 3339. */
  modified?: string | undefined;
  /** Why it can never be taken, in the visitor's language; absent when it can. */
  obstacle?: string | undefined;
  /** What a small picture of it is drawn from, where the browser has it: no address is needed. */
  picture?: Blob | undefined;
  /** The file itself, where the browser has it. */
  file?: File | undefined;
  /** What a person did to the picture. */
  edited?: Edited | undefined;
}

/** An edit, and the size that the picture had after turning. */
export interface Edited {
  edit: Edit;
  size: Size;
}

/** Who is signed in at a source. */
export interface SignedIn {
  email: string;
  name: string;
}

/** Every file of a folder, for choosing it whole. */
export interface WholeFolder {
  files: Item[];
  bytes: number;
  /** Whether it holds more than was asked for. */
  more: boolean;
}

/** A place that files come from. It tells of changes as an {@link Emitter}. */
export interface Source extends Emitter {
  readonly name: string;
  /** Its name for people. */
  readonly label: string;
  readonly icon: IconName;
  /** Whether there is something to choose from; a screen that asks to connect stands alone. */
  readonly browsing: boolean;
  /** Who is signed in, where somebody can be. */
  readonly account: SignedIn | undefined;
  /** Carries its items into the storage. */
  readonly carrier: Carrier;
  /** Called when it is first shown, and again when it comes back into sight. */
  begin(): void;
  /** What fills the picker's body. */
  view(): ComponentChildren;
  signOut?(): Promise<void>;
  /** Looks again; asks to connect where that is needed. */
  again?(): void;
  /** Every file in a folder and below it. */
  wholeFolder?(folder: Item, limit: number): Promise<WholeFolder>;
  /** Ends whatever is under way; the picker closes. */
  end(): void;
}
