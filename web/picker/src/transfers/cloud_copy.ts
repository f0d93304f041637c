/**
 * Copies that the server makes from a cloud into the storage. The page only asks and waits; a
 * lost answer is asked for again with the same key and finds the copy that goes on.
 */

import type { Cloud } from "../server/cloud.js";
import { Refusal } from "../server/server.js";
import { newId, type Stored } from "../result.js";
import { pause } from "../time.js";
import { patiently } from "./patience.js";
import type { Carrier, Report, Transfer } from "./queue.js";

/** Between two questions how far the copies are. */
const NEWS_MS = 700;

export interface CopyOptions {
  /** The protocol's `store` object. */
  store: Record<string, unknown>;
  tags: Record<string, string> | undefined;
}

export class CloudCopies implements Carrier {
  readonly pausable = false;
  readonly #cloud: Cloud;
  readonly #options: CopyOptions;
  /** One for everything this picker copies: progress is asked by it. */
  readonly #session = newId();
  readonly #running = new Map<string, Report>();
  #watching: AbortController | undefined;

  constructor(cloud: Cloud, options: CopyOptions) {
    this.#cloud = cloud;
    this.#options = options;
  }

  async carry(transfer: Transfer, report: Report, signal: AbortSignal): Promise<Stored> {
    const { path } = transfer.item;
    this.#running.set(path, report);
    this.#watch();
    const wish = {
      path,
      session: this.#session,
      // A new attempt after a refusal is a new pick; within one, the same.
      key: `${transfer.id}-${transfer.attempt}`,
      store: this.#options.store,
      tags: this.#options.tags,
    };
    try {
      return await patiently(() => this.#cloud.store(wish, { signal }), report, signal);
    } finally {
      if (this.#running.get(path) === report) this.#running.delete(path);
      if (this.#running.size === 0) this.#watching?.abort();
    }
  }

  /** Asks how far the copies are for as long as any runs. */
  #watch(): void {
    if (this.#watching && !this.#watching.signal.aborted) return;
    const watching = new AbortController();
    this.#watching = watching;
    void this.#ask(watching.signal);
  }

  async #ask(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        // Most copies are done before anybody could ask.
        await pause(NEWS_MS, signal);
        const copies = await this.#cloud.progress(this.#session, { signal });
        // The server does not tell: then nobody pretends to know.
        if (!copies) return;
        for (const { path, state, copied } of copies) {
          if (state === "copying") this.#running.get(path)?.arrived(copied);
        }
      } catch (error) {
        if (signal.aborted) return;
        // The copy itself tells what is wrong; this only looks on.
        const wait = error instanceof Refusal ? error.wait ?? 2 : 2;
        await pause(wait * 1000, signal).catch(() => undefined);
      }
    }
  }
}
