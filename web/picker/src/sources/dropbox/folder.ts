/**
 * One folder, or what a search found, as it comes in page by page: its entries in order, and
 * how the fetching goes. Further pages are fetched in the background until the end or until
 * there are as many as a browser can hold.
 */

import { Emitter } from "../../emitter.js";
import { asRefusal, UNREACHABLE, type Refusal } from "../../server/server.js";
import { networkOr, pause } from "../../time.js";
import { loadReasons } from "../../views/reasons.js";
import type { Item } from "../source.js";
import { comparing, merge, type Sort } from "./order.js";

/** One page as the folder takes it. */
export interface Page {
  items: Item[];
  /** Where it goes on; empty on the last page. */
  next: string;
  restarted: boolean;
}

export type FetchPage = (next: string, signal: AbortSignal) => Promise<Page>;

/** Entries that are kept in memory at most: some 400 bytes each. */
export const MOST_ENTRIES = 200_000;

export interface FolderOrder {
  sort: Sort;
  reverse: boolean;
  locale: string;
}

export class Folder extends Emitter {
  /** In the order in which they are shown. */
  entries: Item[] = [];
  /** Whether more will come by itself. */
  loading = true;
  /** Whether there is more than is kept. */
  cut = false;
  /** Why fetching stopped short; it can be taken up again. */
  trouble: Refusal | undefined;
  readonly #fetch: FetchPage;
  readonly #signal: AbortSignal;
  #order: FolderOrder | undefined;
  #next = "";

  /** Without an order, entries stay as they come: what is found comes best first. */
  constructor(fetch: FetchPage, signal: AbortSignal, order: FolderOrder | undefined) {
    super();
    this.#fetch = fetch;
    this.#signal = signal;
    this.#order = order;
  }

  /** Fetches the first page; the others follow in the background. */
  async begin(): Promise<void> {
    this.#take(await this.#fetch("", this.#signal));
    void this.#goOn();
  }

  /** Fetches what is missing after trouble. */
  again(): void {
    if (!this.trouble) return;
    this.trouble = undefined;
    this.loading = true;
    this.changed();
    void this.#goOn();
  }

  sortBy(order: FolderOrder): void {
    this.#order = order;
    this.entries = [...this.entries].sort(comparing(order.sort, order.reverse, order.locale));
    this.changed();
  }

  #take(page: Page): void {
    if (page.restarted) this.entries = [];
    const order = this.#order;
    this.entries = order
      ? merge(this.entries, page.items, comparing(order.sort, order.reverse, order.locale))
      : this.entries.concat(page.items);
    this.#next = page.next;
    this.cut = page.next !== "" && this.entries.length >= MOST_ENTRIES;
    this.loading = page.next !== "" && !this.cut;
    this.changed();
  }

  async #goOn(): Promise<void> {
    while (this.loading && !this.#signal.aborted) {
      try {
        const page = await this.#fetch(this.#next, this.#signal);
        if (this.#signal.aborted) return;
        this.#take(page);
      } catch (error) {
        if (this.#signal.aborted) return;
        const refusal = asRefusal(error);
        const waited = await this.#waits(refusal);
        if (!waited) {
          await loadReasons();
          this.trouble = refusal;
          this.loading = false;
          this.changed();
        }
      }
    }
  }

  /** Waits where that helps by itself; false where a person has to decide. */
  async #waits(refusal: Refusal): Promise<boolean> {
    try {
      if (refusal.wait) await pause(refusal.wait * 1000, this.#signal);
      else if (refusal.code === UNREACHABLE) await networkOr(2000, this.#signal);
      else return false;
      return true;
    } catch {
      return false;
    }
  }
}
