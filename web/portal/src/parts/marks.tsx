/**
 * Attempts as small marks: the first try and three more, or as many as were made. Filled is made
 * (round accepted, square failed), hollow is to come, dotted is no longer needed.
 */

import type { Delivery } from "../api/shapes.js";
import { counted, exact } from "../format.js";

/** Tries by the usual schedule: at once, after 5 minutes, 1 hour, 12 hours. */
const USUAL = 4;
/** Marks at most; further attempts stand in the words. */
const MOST = 8;

export type Mark = "ok" | "no" | "due" | "none";

export function marksOf(delivery: Pick<Delivery, "attempts" | "manual" | "state">): Mark[] {
  const { attempts, state } = delivery;
  const accepted = state === "delivered" ? 1 : 0;
  const made: Mark[] = [...Array.from({ length: Math.max(attempts - accepted, 0) }, (): Mark => "no"), ...Array.from({ length: Math.min(accepted, attempts) }, (): Mark => "ok")];
  const left: Mark = state === "pending" ? "due" : "none";
  // Attempts by hand do not use up the schedule.
  const open = Math.max(USUAL - Math.max(attempts - delivery.manual, 0), 0);
  // A pending one is owed one more attempt at least; an ended one fills the four.
  const rest = Array.from({ length: state === "pending" ? Math.max(open, 1) : Math.max(USUAL - made.length, 0) }, () => left);
  return [...made.slice(-MOST), ...rest].slice(0, MOST);
}

export function Marks({ delivery }: { delivery: Delivery }) {
  const next = delivery.next_at === null ? "" : `, next ${exact(delivery.next_at)}`;
  const words = `${delivery.state}, ${counted(delivery.attempts, "attempt")}${next}`;
  return (
    <span class="marks" role="img" aria-label={words} title={words}>
      {marksOf(delivery).map((mark, index) => <i key={index} class={mark} />)}
    </span>
  );
}

const KINDS: Record<Delivery["state"], string> = { pending: "faint", delivered: "good", exhausted: "bad", cancelled: "faint", held: "faint" };

/** Where a delivery is, in a word; the last answer's status beside it. */
export function StateOf({ delivery }: { delivery: Delivery }) {
  return <span class={`badge ${KINDS[delivery.state]}`}>{delivery.state}</span>;
}
