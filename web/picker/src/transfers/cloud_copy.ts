/**
 * Copies that the server makes from a cloud into the storage. The page only asks and waits; a
 * lost answer is asked for again with the same key and finds the copy that goes on. What is given
 * up is cancelled at the server, too, and may turn out to be stored already.
 */

import type { Cloud } from "../server/cloud.js";
import { Refusal } from "../server/server.js";
import { newId, type Stored } from "../result.js";
import { pause } from "../time.js";
import { patiently } from "./patience.js";
import type { Carrier, Report, Transfer } from "./queue.js";

/** Between two questions how far the copies are, and where little moves. */
const NEWS_MS = 700;
const SELDOM_MS = 2800;
/** Smaller moves than such a part of all are little. */
const STEPS = 200;
/** How long it is waited for what became of a copy that was given up. */
const TRUTH_MS = 3000;

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
    // A new attempt after a refusal is a new pick; within one, the same.
    const key = `${transfer.id}-${transfer.attempt}`;
    const wish = {
      path,
      session: this.#session,
      key,
      store: this.#options.store,
      tags: this.#options.tags,
    };
    try {
      return await patiently(() => this.#cloud.store(wish, { signal }), report, signal);
    } catch (error) {
      const stored = signal.aborted && (await this.#end(key));
      if (stored) return stored;
      throw error;
    } finally {
      if (this.#running.get(path) === report) this.#running.delete(path);
      if (this.#running.size === 0) {
        this.#watching?.abort();
        this.#watching = undefined;
      }
    }
  }

  /** Cancels a copy at the server; answers the file that it was before. */
  async #end(key: string): Promise<Stored | undefined> {
    // It may take until the network is back; nobody waits for so long.
    const told = patiently(() => this.#cloud.cancel(this.#session, [key]));
    const [copy] = (await Promise.race([told, pause(TRUTH_MS)]).catch(() => undefined)) ?? [];
    return copy?.handle ? (copy as Stored) : undefined;
  }

  /** Asks how far the copies are for as long as any runs; a page that goes away wants none. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = new AbortController();
    const { signal } = this.#watching;
    addEventListener("pagehide", ({ persisted }) => {
      if (!persisted) this.#cloud.cancel(this.#session).catch(() => undefined);
    }, { signal });
    void this.#ask(signal);
  }

  async #ask(signal: AbortSignal): Promise<void> {
    let wait = NEWS_MS;
    let before = 0;
    while (!signal.aborted) {
      try {
        // Most copies are done before anybody could ask.
        await pause(wait, signal);
        let [arrived, bytes] = [0, 0];
        for (const { path, state, copied, size } of await this.#cloud.progress(this.#session, { signal })) {
          arrived += copied;
          bytes += size ?? 0;
          if (state === "copying") this.#running.get(path)?.arrived(copied);
        }
        // Where a bar hardly moves, nobody misses the next step.
        wait = Math.abs(arrived - before) > bytes / STEPS ? NEWS_MS : Math.min(wait * 2, SELDOM_MS);
        before = arrived;
      } catch (error) {
        // A server that does not tell: then nobody pretends to know. Else the copy itself tells
        // what is wrong; this only looks on.
        if (error instanceof Refusal && error.code === "not-found") return;
        wait = SELDOM_MS;
      }
    }
  }
}
