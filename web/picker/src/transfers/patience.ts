/**
 * Asking again where asking again helps: a lost connection, a server that restarts, a request
 * to wait. Everything else is final.
 */

import { Refusal, UNREACHABLE } from "../server/server.js";
import { networkOr, pause } from "../time.js";
import type { Report } from "./queue.js";

/** Waits between tries at a server that does not answer, in ms; the last one repeats. */
const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15_000];
/** How long a server may be away before a person is asked: it restarts, a train leaves a tunnel. */
const PATIENCE_MS = 5 * 60_000;
/** Codes that say "not now" without a time of their own. */
const NOT_NOW = new Set(["lease-lost", "database-unavailable", "queue-unavailable", "dropbox-unavailable", "interrupted"]);
/** How often such a refusal is taken for passing. */
const NOT_NOW_TRIES = 4;

/** Calls `call` until it succeeds, is refused for good, or patience ends; tells who looks on. */
export async function patiently<Answer>(
  call: () => Promise<Answer>,
  report?: Pick<Report, "waits" | "goesOn">,
  signal?: AbortSignal,
): Promise<Answer> {
  let since: number | undefined;
  let tries = 0;
  let passing = 0;
  for (;;) {
    let refusal: Refusal;
    try {
      return await call();
    } catch (error) {
      if (signal?.aborted || !(error instanceof Refusal)) throw error;
      refusal = error;
    }
    if (refusal.code === UNREACHABLE) {
      // Without a network there is nobody to lose patience with: it comes back, be it tomorrow.
      since = navigator.onLine ? since ?? Date.now() : undefined;
      if (since !== undefined && Date.now() - since > PATIENCE_MS) throw refusal;
      const wait = WAITS_MS[Math.min(tries, WAITS_MS.length - 1)] ?? 1000;
      tries += 1;
      report?.waits(navigator.onLine ? "unreachable" : "offline", Date.now() + wait);
      await networkOr(wait, signal);
    } else if (refusal.wait || (NOT_NOW.has(refusal.code) && passing < NOT_NOW_TRIES)) {
      const wait = (refusal.wait ?? 2 ** passing) * 1000;
      passing += refusal.wait ? 0 : 1;
      report?.waits("asked-to-wait", Date.now() + wait);
      await pause(wait, signal);
    } else {
      throw refusal;
    }
    report?.goesOn();
  }
}
