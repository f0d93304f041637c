/**
 * What is chosen, over all folders and sources. Files, and folders taken whole. Knows the limits
 * of a pick; does not know how it is shown.
 */

import { Emitter } from "./emitter.js";
import type { Item } from "./sources/source.js";

/** One thing chosen: a file, or a folder with every file in it. */
export interface Choice {
  item: Item;
  /** The files it stands for; a file stands for itself. */
  files: Item[];
}

export class Selection extends Emitter {
  readonly maxFiles: number;
  readonly #choices = new Map<string, Choice>();
  #count = 0;
  #bytes = 0;

  constructor(maxFiles: number) {
    super();
    this.maxFiles = maxFiles;
  }

  get choices(): Choice[] {
    return [...this.#choices.values()];
  }

  /** Every chosen file once, also where a folder and a file in it are chosen. */
  get files(): Item[] {
    const files = new Map<string, Item>();
    for (const choice of this.#choices.values()) for (const file of choice.files) files.set(file.key, file);
    return [...files.values()];
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** How many more files there may be. */
  get room(): number {
    return Math.max(0, this.maxFiles - this.#count);
  }

  has(key: string): boolean {
    return this.#choices.has(key);
  }

  /** Chooses a thing; with room for one file only, in place of what was chosen. */
  add(choice: Choice): boolean {
    if (this.#choices.has(choice.item.key)) return true;
    if (this.maxFiles === 1 && choice.files.length === 1) this.#choices.clear();
    else if (choice.files.length > this.room) return false;
    this.#choices.set(choice.item.key, choice);
    this.#recount();
    return true;
  }

  /** Chooses many files at once, as far as there is room; answers how many found none. */
  addFiles(items: Item[]): number {
    let left = 0;
    let room = this.room;
    for (const item of items) {
      if (this.#choices.has(item.key)) continue;
      if (room === 0) {
        left += 1;
        continue;
      }
      this.#choices.set(item.key, { item, files: [item] });
      room -= 1;
    }
    this.#recount();
    return left;
  }

  /** Puts an item in the place of the one with its key. */
  replace(item: Item): void {
    if (this.#choices.has(item.key)) this.#choices.set(item.key, { item, files: [item] });
    this.#recount();
  }

  remove(...keys: string[]): void {
    for (const key of keys) this.#choices.delete(key);
    this.#recount();
  }

  clear(): void {
    this.#choices.clear();
    this.#recount();
  }

  #recount(): void {
    const folders = [...this.#choices.values()].some((choice) => choice.item.folder);
    // Only a folder can hold what is chosen besides; counting files alone is quicker.
    const files = folders ? this.files : [...this.#choices.values()].map((choice) => choice.item);
    this.#count = files.length;
    this.#bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    this.changed();
  }
}
