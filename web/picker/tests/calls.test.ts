import assert from "node:assert/strict";
import { test } from "node:test";
import { askPage, rename } from "../src/calls.js";
import { readOptions } from "../src/options.js";
import { item } from "./item.js";

const settings = (options: Record<string, unknown>) => readOptions(options, () => undefined);

test("a page may give a file of the device another name, and nobody else's", async () => {
  const wish = settings({ onFileSelected: (file: object) => ({ ...file, name: "report.txt" }) });
  const own = item("a.txt", { source: "local_file_system", file: new File(["north"], "a.txt", { type: "text/plain" }) });
  rename(own, (await askPage(wish, own)) ?? "");
  assert.deepEqual([own.name, own.file?.name, own.file?.type, await own.file?.text()], ["report.txt", "report.txt", "text/plain", "north"]);
  const theirs = item("b.txt");
  rename(theirs, (await askPage(wish, theirs)) ?? "");
  assert.equal(theirs.name, "b.txt");
});

test("a page that answers nothing, or nonsense, changes nothing", async () => {
  for (const answer of [undefined, true, "x", { name: 7 }, { filename: "x" }]) {
    assert.equal(await askPage(settings({ onFileSelected: () => answer }), item("a")), undefined);
  }
});

test("a page says no by throwing or by rejecting", async () => {
  const says = { acceptFn: () => Promise.reject(new Error("not now")), onFileSelected: () => { throw new Error("not this"); } };
  await assert.rejects(askPage(settings({ acceptFn: says.acceptFn }), item("a")), /not now/);
  await assert.rejects(askPage(settings({ onFileSelected: says.onFileSelected }), item("a")), /not this/);
});
