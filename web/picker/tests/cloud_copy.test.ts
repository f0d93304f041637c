import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cloud, CopyProgress, StoreWish } from "../src/server/cloud.js";
import { Refusal, UNREACHABLE, type CallOptions } from "../src/server/server.js";
import { CloudCopies } from "../src/transfers/cloud_copy.js";
import { Queue, type QueueHopes, type Transfer } from "../src/transfers/queue.js";
import { item } from "./item.js";

const file = { handle: "h", url: "u", filename: "a", mimetype: "text/plain", size: 100 };

/** A server whose copies never end by themselves. */
function scene() {
  const asked: { store: StoreWish[]; cancelled: unknown[]; progress: number[] } = { store: [], cancelled: [], progress: [] };
  let answer: () => object[] = () => [];
  let copies: () => CopyProgress[] = () => [];
  const cloud = {
    store: (wish: StoreWish, { signal }: CallOptions) => {
      asked.store.push(wish);
      return new Promise((_, fail) => signal?.addEventListener("abort", () => fail(signal.reason as Error)));
    },
    cancel: (session: string, keys?: string[]) => {
      asked.cancelled.push({ session, keys });
      return new Promise((resolve) => resolve(answer()));
    },
    progress: () => {
      asked.progress.push(Date.now());
      return Promise.resolve(copies());
    },
  };
  const told: string[] = [];
  const tell = (what: string) => (transfer: Transfer) => void told.push(`${what} ${transfer.item.name}`);
  const hopes: QueueHopes = {
    started: tell("started"), progressed: tell("progressed"), finished: tell("finished"), failed: tell("failed"),
    cancelled: tell("cancelled"), settled: () => void told.push("settled"),
  };
  const listening = new EventTarget();
  globalThis.addEventListener = listening.addEventListener.bind(listening);
  return {
    asked, told, listening, queue: new Queue(2, hopes),
    carrier: new CloudCopies(cloud as unknown as Cloud, { store: {}, tags: undefined }),
    answers: (with_: () => object[]) => void (answer = with_),
    copies: (with_: () => CopyProgress[]) => void (copies = with_),
  };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

test("a copy that is given up is cancelled at the server, by its own key", async () => {
  const { asked, told, queue, carrier, answers } = scene();
  answers(() => [{ state: "cancelled" }]);
  const [a] = queue.add([item("a"), item("b")], carrier);
  queue.cancel(a as Transfer);
  await turn();
  const [first] = asked.store;
  assert.deepEqual(asked.cancelled, [{ session: first?.session, keys: [first?.key] }]);
  assert.equal(a?.state.kind, "cancelled");
  assert.deepEqual(told, ["started a", "started b", "cancelled a"]);
  queue.cancelAll();
});

test("one that was stored just before is told as stored", async () => {
  const { told, queue, carrier, answers } = scene();
  answers(() => [{ state: "stored", ...file }]);
  const [a] = queue.add([item("a")], carrier);
  queue.cancel(a as Transfer);
  await turn();
  assert.equal(a?.state.kind === "done" && a.state.file.handle, "h");
  assert.deepEqual(told, ["started a", "cancelled a", "finished a", "settled"]);
});

test("a server that knows of no cancelling is no trouble", async () => {
  const { told, queue, carrier, answers } = scene();
  answers(() => { throw new Refusal("not-found", "no such route"); });
  const [a] = queue.add([item("a")], carrier);
  queue.cancel(a as Transfer);
  await turn();
  assert.equal(a?.state.kind, "cancelled");
  assert.deepEqual(told, ["started a", "cancelled a", "settled"]);
});

test("what could not be cancelled for want of a network is cancelled when that is back", async () => {
  const { asked, queue, carrier, answers } = scene();
  Object.defineProperty(globalThis, "navigator", { value: { onLine: false }, configurable: true });
  globalThis.removeEventListener = () => undefined;
  answers(() => {
    if (asked.cancelled.length === 1) throw new Refusal(UNREACHABLE, "no network");
    return [{ state: "cancelled" }];
  });
  const [a] = queue.add([item("a")], carrier);
  queue.cancel(a as Transfer);
  await turn();
  assert.equal(asked.cancelled.length, 1);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(asked.cancelled.length, 2);
});

test("a page that goes away for good ends its copies, one that may come back does not", async () => {
  const { asked, queue, carrier, listening } = scene();
  const leave = (persisted: boolean) => listening.dispatchEvent(Object.assign(new Event("pagehide"), { persisted }));
  queue.add([item("a")], carrier);
  leave(true);
  assert.deepEqual(asked.cancelled, []);
  leave(false);
  assert.deepEqual(asked.cancelled, [{ session: asked.store[0]?.session, keys: undefined }]);
  queue.cancelAll();
  await turn();
  leave(false);
  assert.equal(asked.cancelled.length, 2, "only the copy that was given up: nothing runs any more");
});

test("progress is asked for seldom while nothing moves, and often while something does", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { asked, queue, carrier, copies } = scene();
  let copied = 0;
  copies(() => [{ path: "/a", state: copied ? "copying" : "waiting", copied, size: 1000 }]);
  const pass = async (ms: number) => {
    for (let at = 0; at < ms; at += 100) {
      context.mock.timers.tick(100);
      for (let n = 0; n < 20; n += 1) await Promise.resolve();
    }
  };
  const [a] = queue.add([item("a")], carrier);
  const between = () => asked.progress.map((at, index) => at - (asked.progress[index - 1] ?? 0));
  await pass(10_000);
  assert.deepEqual(between().slice(1), [1400, 2800, 2800], "it waits");
  const waited = asked.progress.length;
  copies(() => [{ path: item("a").path, state: "copying", copied: (copied += 100), size: 1000 }]);
  await pass(5000);
  assert.deepEqual([...new Set(between().slice(waited + 1))], [700], "it moves");
  assert.ok((a?.arrived ?? 0) > 0);
  copies(() => [{ path: item("a").path, state: "copying", copied: (copied += 4), size: 1000 }]);
  await pass(10_000);
  assert.deepEqual(between().slice(-2), [2800, 2800], "it hardly moves");
  queue.cancelAll();
});
