import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Refusal, UNREACHABLE } from "../src/server/server.js";
import { patiently } from "../src/transfers/patience.js";

/** Asks a server that is away for so many minutes; answers what came of it. */
async function away(minutes: number, onLine: boolean): Promise<string> {
  Object.defineProperty(globalThis, "navigator", { value: { onLine }, configurable: true });
  Object.assign(globalThis, { addEventListener: () => undefined, removeEventListener: () => undefined });
  mock.timers.enable({ apis: ["Date", "setTimeout"], now: 0 });
  try {
    const back = minutes * 60_000;
    const call = () => (Date.now() < back ? Promise.reject(new Refusal(UNREACHABLE, "away")) : Promise.resolve("there"));
    let outcome = "";
    void patiently(call, { waits: () => undefined, goesOn: () => undefined }, new AbortController().signal)
      .then((answer) => (outcome = answer), (error: unknown) => (outcome = (error as Refusal).code));
    while (outcome === "") {
      await new Promise((resolve) => setImmediate(resolve));
      mock.timers.tick(5000);
    }
    return outcome;
  } finally {
    mock.timers.reset();
  }
}

test("a server that restarts is waited for, one that stays away is told", async () => {
  assert.equal(await away(4, true), "there");
  assert.equal(await away(30, true), UNREACHABLE);
});

test("who is offline for an hour goes on afterwards", async () => {
  assert.equal(await away(60, false), "there");
});
