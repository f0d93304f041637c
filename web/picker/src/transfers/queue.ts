/**
 * Files on their way into the storage: several at once, each with a state that says what is
 * true. How one is carried is its source's business (a {@link Carrier}); copies from a cloud and
 * uploads from a device are the same here.
 */

import { Emitter } from "../emitter.js";
import { newId, type Stored } from "../result.js";
import { asRefusal, type Refusal } from "../server/server.js";
import type { Item } from "../sources/source.js";

/** Where a transfer stands. */
export type TransferState =
  | { kind: "queued" }
  /** All of it that can be brought ahead is there; it waits to be sent off. */
  | { kind: "ready" }
  | { kind: "running" }
  /** Held up: goes on by itself, at `until` (ms since the epoch) or when the network is back. */
  | { kind: "waiting"; why: "asked-to-wait" | "offline" | "unreachable"; until: number }
  | { kind: "paused" }
  | { kind: "failed"; why: Refusal }
  | { kind: "cancelled" }
  | { kind: "done"; file: Stored };

/** What a carrier tells while it carries. */
export interface Report {
  /** How many bytes have arrived. Never called by who does not know. */
  arrived(bytes: number): void;
  /** It waits and will go on by itself. */
  waits(why: "asked-to-wait" | "offline" | "unreachable", until: number): void;
  /** It goes on. */
  goesOn(): void;
}

/** Carries one item into the storage. */
export interface Carrier {
  /** Whether a transfer that was stopped can go on where it was. */
  readonly pausable: boolean;
  /**
   * Resolves when the file is stored, also when it was aborted too late; rejects with a refusal,
   * or with the signal's reason when it was aborted. Called again for the same transfer it may go
   * on where it stopped.
   */
  carry(transfer: Transfer, report: Report, signal: AbortSignal): Promise<Stored>;
  /**
   * Brings as much of an item as can be brought before anything is stored; `carry` goes on from
   * there. Absent where there is no such way.
   */
  ahead?(transfer: Transfer, report: Report, signal: AbortSignal): Promise<void>;
}

/** Between two drawings of what has arrived. */
const REDRAW_MS = 80;
/** Time over which the speed is measured. */
const SPEED_WINDOW_MS = 4000;

export class Transfer {
  /** The id that callbacks and the result know it by. */
  readonly id = newId();
  state: TransferState = { kind: "queued" };
  /** Bytes that have arrived; absent while nobody knows. */
  arrived: number | undefined;
  /** When it began to run, in ms since the epoch. */
  begun: number | undefined;
  /** How often it was begun, counted from one. */
  attempt = 0;
  /** Whatever its carrier wants to remember of it between attempts. */
  memory: unknown;
  #marks: { at: number; bytes: number }[] = [];
  stop: AbortController | undefined;

  /** `ahead`: it is on its way, and nobody has sent it off yet. */
  constructor(readonly item: Item, readonly carrier: Carrier, public ahead = false) {}

  get settled(): boolean {
    return ["done", "failed", "cancelled"].includes(this.state.kind);
  }

  get active(): boolean {
    return this.state.kind === "running" || this.state.kind === "waiting";
  }

  /** Notes how far it has come. */
  mark(bytes: number, now: number): void {
    this.arrived = Math.min(Math.max(bytes, this.arrived ?? 0), this.item.bytes || bytes);
    this.#marks = [...this.#marks.filter((mark) => now - mark.at < SPEED_WINDOW_MS), { at: now, bytes: this.arrived }];
  }

  /** Bytes in a second, lately; absent while that is not known. */
  get speed(): number | undefined {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    if (!first || !last || last.at - first.at < 1000) return undefined;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }
}

/** What the queue tells whoever made it. */
export interface QueueHopes {
  started(transfer: Transfer): void;
  progressed(transfer: Transfer): void;
  finished(transfer: Transfer): void;
  failed(transfer: Transfer, why: Refusal): void;
  cancelled(transfer: Transfer): void;
  /** Nothing runs and nothing waits any more. */
  settled(): void;
}

export class Queue extends Emitter {
  /** What was sent off. */
  readonly transfers: Transfer[] = [];
  /** What is brought ahead, by its item's key. */
  readonly #ahead = new Map<string, Transfer>();
  readonly #atOnce: number;
  readonly #hopes: QueueHopes;
  #soon: ReturnType<typeof setTimeout> | undefined;

  constructor(atOnce: number, hopes: QueueHopes) {
    super();
    this.#atOnce = atOnce;
    this.#hopes = hopes;
  }

  /** Adds items; they run as soon as there is room. Answers their transfers. */
  add(items: Item[], carrier: Carrier): Transfer[] {
    const added = items.map((item) => this.#sentOff(item) ?? new Transfer(item, carrier));
    this.transfers.push(...added);
    this.#takeUp();
    return added;
  }

  /** Brings items ahead, as far as their carrier can. */
  bring(items: Item[], carrier: Carrier): void {
    if (!carrier.ahead) return;
    for (const item of items) {
      if (!this.#ahead.has(item.key)) this.#ahead.set(item.key, new Transfer(item, carrier, true));
    }
    this.#takeUp();
  }

  /** Gives up what is brought ahead, but for what is still wanted. */
  keepAhead(wanted: (key: string) => boolean): void {
    for (const [key, transfer] of [...this.#ahead]) {
      if (wanted(key)) continue;
      this.#ahead.delete(key);
      this.cancel(transfer);
    }
  }

  /** The transfer that brought an item ahead, which goes on as any other from now on. */
  #sentOff(item: Item): Transfer | undefined {
    const transfer = this.#ahead.get(item.key);
    if (!transfer) return undefined;
    this.#ahead.delete(item.key);
    transfer.ahead = false;
    if (transfer.state.kind === "ready") transfer.state = { kind: "queued" };
    // Given up by the page in the meantime; now a person wants it.
    return transfer.state.kind === "cancelled" ? undefined : transfer;
  }

  get settled(): boolean {
    return this.transfers.every((transfer) => transfer.settled);
  }

  of(kind: TransferState["kind"]): Transfer[] {
    return this.transfers.filter((transfer) => transfer.state.kind === kind);
  }

  pause(transfer: Transfer): void {
    if (!transfer.active && transfer.state.kind !== "queued") return;
    transfer.state = { kind: "paused" };
    transfer.stop?.abort();
    this.#takeUp();
  }

  resume(transfer: Transfer): void {
    if (transfer.state.kind !== "paused") return;
    transfer.state = { kind: "queued" };
    this.#takeUp();
  }

  cancel(transfer: Transfer): void {
    const runs = transfer.stop !== undefined;
    // One that runs says so when it has ended.
    if (this.#giveUp(transfer) && !runs && !transfer.ahead && this.settled) this.#hopes.settled();
  }

  /** Who gives up everything knows that nothing is left. */
  cancelAll(): void {
    this.keepAhead(() => false);
    for (const transfer of this.transfers) if (!transfer.settled) this.#giveUp(transfer);
  }

  #giveUp(transfer: Transfer): boolean {
    if (transfer.settled && transfer.state.kind !== "failed") return false;
    transfer.state = { kind: "cancelled" };
    transfer.stop?.abort();
    this.#hopes.cancelled(transfer);
    this.#takeUp();
    return true;
  }

  /** Begins a failed or cancelled transfer anew. */
  retry(transfer: Transfer): void {
    if (transfer.state.kind !== "failed" && transfer.state.kind !== "cancelled") return;
    transfer.state = { kind: "queued" };
    this.#takeUp();
  }

  #takeUp(): void {
    for (;;) {
      // A paused one whose request has not ended yet takes room until it has.
      const all = [...this.transfers, ...this.#ahead.values()];
      const running = all.filter((transfer) => transfer.active || transfer.stop).length;
      const next = running < this.#atOnce ? all.find((one) => one.state.kind === "queued" && !one.stop) : undefined;
      if (!next) break;
      void this.#run(next);
    }
    this.changed();
  }

  async #run(transfer: Transfer): Promise<void> {
    const stop = new AbortController();
    transfer.stop = stop;
    transfer.attempt += 1;
    transfer.state = { kind: "running" };
    if (transfer.attempt === 1) this.#hopes.started(transfer);
    const current = () => transfer.stop === stop && transfer.active;
    const report = this.#reportOf(transfer, current);
    const sentOff = !transfer.ahead;
    try {
      if (sentOff) {
        transfer.begun ??= Date.now();
        // What is stored is stored, even if it was given up just before.
        this.#done(transfer, await transfer.carrier.carry(transfer, report, stop.signal));
      } else await transfer.carrier.ahead?.(transfer, report, stop.signal);
    } catch (error) {
      // What fails ahead is tried again when it is sent off, and told then.
      if (sentOff && current() && !stop.signal.aborted) this.#failed(transfer, asRefusal(error));
    } finally {
      if (!sentOff && current()) transfer.state = { kind: transfer.ahead ? "ready" : "queued" };
      transfer.stop = undefined;
    }
    this.#takeUp();
    if (sentOff && this.settled) this.#hopes.settled();
  }

  #reportOf(transfer: Transfer, current: () => boolean): Report {
    return {
      arrived: (bytes) => {
        if (!current()) return;
        transfer.mark(bytes, Date.now());
        this.#hopes.progressed(transfer);
        this.#changesSoon();
      },
      waits: (why, until) => {
        if (!current()) return;
        transfer.state = { kind: "waiting", why, until };
        this.changed();
      },
      goesOn: () => {
        if (!current()) return;
        transfer.state = { kind: "running" };
        this.changed();
      },
    };
  }

  /** Bytes arrive many times in a second, of many files: they are drawn together. */
  #changesSoon(): void {
    if (this.#soon !== undefined) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      this.changed();
    }, REDRAW_MS);
  }

  #done(transfer: Transfer, file: Stored): void {
    transfer.arrived = file.size;
    transfer.state = { kind: "done", file };
    this.#hopes.finished(transfer);
  }

  #failed(transfer: Transfer, why: Refusal): void {
    transfer.state = { kind: "failed", why };
    this.#hopes.failed(transfer, why);
  }
}

/** What a total of several transfers comes to. */
export interface Total {
  files: number;
  done: number;
  failed: number;
  bytes: number;
  arrived: number;
  /** Whether the bytes of every running transfer are known: else no bar can tell the truth. */
  known: boolean;
  speed: number;
}

/** Adds transfers up; cancelled ones are left out. */
export function total(transfers: Transfer[]): Total {
  const counted = transfers.filter((transfer) => transfer.state.kind !== "cancelled");
  const sum = (of: (transfer: Transfer) => number) => counted.reduce((all, transfer) => all + of(transfer), 0);
  return {
    files: counted.length,
    done: counted.filter((transfer) => transfer.state.kind === "done").length,
    failed: counted.filter((transfer) => transfer.state.kind === "failed").length,
    bytes: sum((transfer) => transfer.item.bytes),
    arrived: sum((transfer) => (transfer.state.kind === "failed" ? 0 : transfer.arrived ?? 0)),
    known: counted.every((transfer) => !transfer.active || transfer.arrived !== undefined),
    speed: sum((transfer) => (transfer.active ? transfer.speed ?? 0 : 0)),
  };
}
