import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, scrollTo, wholeHeight } from "../src/views/window.js";

const SIGHT = { height: 500, row: 50, columns: 1, count: 100_000 };

test("only what is in sight and a little beside it is drawn", () => {
  assert.deepEqual(drawn({ ...SIGHT, top: 0 }), [0, 16]);
  assert.deepEqual(drawn({ ...SIGHT, top: 50_000 }), [994, 1016]);
  assert.deepEqual(drawn({ ...SIGHT, top: 4_999_500 }), [99_984, 100_000]);
});

test("a grid draws whole rows", () => {
  assert.deepEqual(drawn({ ...SIGHT, columns: 4, top: 1000 }), [56, 144]);
  assert.equal(wholeHeight({ row: 50, columns: 4, count: 9 }), 150);
});

test("the least scrolling brings an item into sight", () => {
  assert.equal(scrollTo(5, { ...SIGHT, top: 100 }), 100);
  assert.equal(scrollTo(0, { ...SIGHT, top: 100 }), 0);
  assert.equal(scrollTo(20, { ...SIGHT, top: 100 }), 550);
});
