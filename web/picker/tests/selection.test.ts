import assert from "node:assert/strict";
import { test } from "node:test";
import { Selection } from "../src/selection.js";
import { makeInit } from "../src/doors/client.js";
import { item } from "./item.js";

const one = (name: string) => ({ item: item(name), files: [item(name)] });

test("with room for one file, the next takes the place of the last", () => {
  const selection = new Selection(1);
  selection.add(one("a"));
  assert.ok(selection.add(one("b")));
  assert.deepEqual(selection.files.map((file) => file.name), ["b"]);
});

test("no more than the limit can be chosen", () => {
  const selection = new Selection(2);
  assert.equal(selection.addFiles([item("a"), item("b"), item("c")]), 1);
  assert.equal(selection.add(one("d")), false);
  assert.equal(selection.count, 2);
});

test("a file in a folder that is chosen whole counts once", () => {
  const selection = new Selection(10);
  selection.add(one("in/a"));
  selection.add({ item: item("in", { folder: true }), files: [item("in/a"), item("in/b")] });
  assert.equal(selection.count, 2);
  assert.equal(selection.bytes, 200);
  selection.remove("dropbox:/in");
  assert.equal(selection.count, 1);
});

test("on a server there is no picker, and that is no error", () => {
  const init = makeInit(() => Promise.reject(new Error("never loaded")), () => undefined);
  assert.equal(init("KEY", { url: "https://files.example.com" }), null);
});
