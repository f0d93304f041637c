import assert from "node:assert/strict";
import { test } from "node:test";
import { marksOf } from "../src/parts/marks.js";

test("attempts made are filled, those to come are hollow", () => {
  assert.deepEqual(marksOf({ attempts: 0, manual: 0, state: "pending" }), ["due", "due", "due", "due"]);
  assert.deepEqual(marksOf({ attempts: 2, manual: 0, state: "pending" }), ["no", "no", "due", "due"]);
  assert.deepEqual(marksOf({ attempts: 4, manual: 0, state: "exhausted" }), ["no", "no", "no", "no"]);
});

test("what was accepted needs no further attempt", () => {
  assert.deepEqual(marksOf({ attempts: 1, manual: 0, state: "delivered" }), ["ok", "none", "none", "none"]);
  assert.deepEqual(marksOf({ attempts: 3, manual: 1, state: "delivered" }), ["no", "no", "ok", "none"]);
});

test("an attempt by hand does not use up the schedule", () => {
  assert.deepEqual(marksOf({ attempts: 2, manual: 1, state: "pending" }), ["no", "no", "due", "due", "due"]);
});

test("many attempts show the latest", () => {
  const marks = marksOf({ attempts: 30, manual: 26, state: "delivered" });
  assert.equal(marks.length, 8);
  assert.equal(marks.at(-1), "ok");
});
