import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "../src/server/server.js";
import { Queue, total, type Carrier, type QueueHopes, type Report, type Transfer } from "../src/transfers/queue.js";
import type { Stored } from "../src/result.js";
import { item } from "./item.js";

/** A carrier whose transfers end when the test says so. */
class ByHand implements Carrier {
  readonly pausable = true;
  /** What was brought ahead so far, and not stored. */
  readonly broughtAhead: string[] = [];

  async ahead(transfer: Transfer, report: Report, signal: AbortSignal): Promise<void> {
    await this.carry(transfer, report, signal);
    this.broughtAhead.push(transfer.item.name);
  }

  readonly under = new Map<string, { done: (file: Stored) => void; fail: (error: Error) => void; report: Report; signal: AbortSignal }>();

  carry(transfer: Transfer, report: Report, signal: AbortSignal): Promise<Stored> {
    return new Promise((done, fail) => {
      signal.addEventListener("abort", () => fail(signal.reason as Error));
      this.under.set(transfer.item.name, { done, fail, report, signal });
    });
  }
}

const stored = (name: string): Stored => ({ handle: `h-${name}`, url: "", filename: name, mimetype: "", size: 100 });

function scene(atOnce = 2) {
  const told: string[] = [];
  const tell = (what: string) => (transfer: Transfer) => void told.push(`${what} ${transfer.item.name}`);
  const hopes: QueueHopes = {
    started: tell("started"), progressed: tell("progressed"), finished: tell("finished"), failed: tell("failed"),
    cancelled: tell("cancelled"), settled: () => void told.push("settled"),
  };
  return { told, carrier: new ByHand(), queue: new Queue(atOnce, hopes) };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

test("no more run at once than may, and the next takes its place", async () => {
  const { told, carrier, queue } = scene(2);
  queue.add([item("a"), item("b"), item("c")], carrier);
  assert.deepEqual(told, ["started a", "started b"]);
  carrier.under.get("a")?.done(stored("a"));
  await turn();
  assert.deepEqual(told.slice(2), ["finished a", "started c"]);
  carrier.under.get("b")?.done(stored("b"));
  carrier.under.get("c")?.done(stored("c"));
  await turn();
  assert.equal(told.at(-1), "settled");
  assert.equal(total(queue.transfers).done, 3);
});

test("a failed one can be tried again, and the others are done", async () => {
  const { carrier, queue } = scene();
  const [a] = queue.add([item("a"), item("b")], carrier);
  carrier.under.get("a")?.fail(new Refusal("path-not-found", "gone"));
  carrier.under.get("b")?.done(stored("b"));
  await turn();
  assert.equal(a?.state.kind, "failed");
  assert.ok(queue.settled);
  queue.retry(a);
  assert.equal(a?.attempt, 2);
  carrier.under.get("a")?.done(stored("a"));
  await turn();
  assert.equal(a?.state.kind, "done");
});

test("a cancelled one is stopped and its answer comes too late", async () => {
  const { told, carrier, queue } = scene();
  const [a] = queue.add([item("a")], carrier);
  const under = carrier.under.get("a");
  queue.cancel(a as Transfer);
  assert.ok(under?.signal.aborted);
  under?.done(stored("a"));
  await turn();
  assert.equal(a?.state.kind, "cancelled");
  assert.deepEqual(told, ["started a", "cancelled a", "settled"]);
  assert.equal(total(queue.transfers).files, 0);
});

test("what was not running ends the whole, too, when it is given up", async () => {
  const { told, carrier, queue } = scene(2);
  const [a, b] = queue.add([item("a"), item("b")], carrier);
  queue.pause(b as Transfer);
  carrier.under.get("a")?.fail(new Refusal("path-not-found", "gone"));
  await turn();
  assert.equal(told.includes("settled"), false);
  queue.cancel(b as Transfer);
  assert.deepEqual(told.slice(-2), ["cancelled b", "settled"]);
  queue.cancel(a as Transfer);
  assert.deepEqual(told.slice(-2), ["cancelled a", "settled"]);
});

test("whoever gives up everything is not told that nothing is left", async () => {
  const { told, carrier, queue } = scene();
  const [a, b] = queue.add([item("a"), item("b")], carrier);
  queue.pause(a as Transfer);
  queue.pause(b as Transfer);
  await turn();
  queue.cancelAll();
  assert.deepEqual(told.slice(2), ["cancelled a", "cancelled b"]);
});

test("what arrives in many small steps is drawn together", async () => {
  const { carrier, queue } = scene();
  queue.add([item("a")], carrier);
  let drawn = 0;
  queue.subscribe(() => (drawn += 1));
  for (let bytes = 0; bytes < 100; bytes += 1) carrier.under.get("a")?.report.arrived(bytes);
  assert.equal(drawn, 0);
  await new Promise<void>((resolve) => void queue.subscribe(resolve));
  assert.equal(drawn, 1);
});

test("a paused one makes room and goes on when it is resumed", async () => {
  const { carrier, queue } = scene(1);
  const [a, b] = queue.add([item("a"), item("b")], carrier);
  queue.pause(a as Transfer);
  await turn();
  assert.equal(a?.state.kind, "paused");
  assert.equal(b?.state.kind, "running");
  carrier.under.get("b")?.done(stored("b"));
  await turn();
  assert.equal(queue.settled, false);
  queue.resume(a);
  assert.equal(a?.state.kind, "running");
});

test("bytes never go back, and the total knows when nobody knows", () => {
  const { carrier, queue } = scene();
  const [a, b] = queue.add([item("a"), item("b")], carrier);
  carrier.under.get("a")?.report.arrived(40);
  carrier.under.get("a")?.report.arrived(30);
  assert.equal(a?.arrived, 40);
  assert.equal(total(queue.transfers).known, false);
  carrier.under.get("b")?.report.arrived(1000);
  assert.equal(b?.arrived, 100, "no more than there are");
  assert.deepEqual([total(queue.transfers).known, total(queue.transfers).arrived], [true, 140]);
});

test("what is brought ahead is stored once it is sent off, and told of once", async () => {
  const { told, carrier, queue } = scene();
  queue.bring([item("a"), item("b")], carrier);
  carrier.under.get("a")?.done(stored("a"));
  await turn();
  assert.deepEqual(carrier.broughtAhead, ["a"]);
  assert.deepEqual([told, queue.transfers], [["started a", "started b"], []]);
  queue.add([item("a"), item("b")], carrier);
  assert.equal(queue.transfers[0]?.state.kind, "running");
  // It was still on its way ahead: that ends first.
  carrier.under.get("b")?.done(stored("b"));
  await turn();
  for (const name of ["a", "b"]) carrier.under.get(name)?.done(stored(name));
  await turn();
  assert.deepEqual(told.slice(2), ["finished a", "finished b", "settled"]);
});

test("what is let go before it is sent off is given up, and frees its place", async () => {
  const { told, carrier, queue } = scene(1);
  queue.bring([item("a"), item("b")], carrier);
  queue.keepAhead((key) => key === "dropbox:/b");
  await turn();
  assert.ok(carrier.under.get("a")?.signal.aborted);
  assert.deepEqual(told, ["started a", "cancelled a", "started b"]);
  queue.cancelAll();
  await turn();
  assert.deepEqual(told.slice(3), ["cancelled b"]);
});

test("what fails ahead is tried again when it is sent off, and only then told", async () => {
  const { told, carrier, queue } = scene();
  queue.bring([item("a")], carrier);
  carrier.under.get("a")?.fail(new Refusal("storage-full", "full"));
  await turn();
  assert.deepEqual(told, ["started a"]);
  const [a] = queue.add([item("a")], carrier);
  carrier.under.get("a")?.fail(new Refusal("storage-full", "full"));
  await turn();
  assert.equal(a?.state.kind, "failed");
  assert.deepEqual(told, ["started a", "failed a", "settled"]);
});

test("what is sent off has its turn before what is brought ahead", async () => {
  const { carrier, queue } = scene(1);
  queue.bring([item("a"), item("b")], carrier);
  queue.add([item("c")], carrier);
  carrier.under.get("a")?.done(stored("a"));
  await turn();
  assert.ok(carrier.under.has("c") && !carrier.under.has("b"));
});
