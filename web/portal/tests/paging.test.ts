import assert from "node:assert/strict";
import { test } from "node:test";
import { merge, type State } from "../src/paging.js";

interface Row {
  id: number;
  state: string;
}

const row = (id: number, state = "pending"): Row => ({ id, state });
const list = (...ids: number[]) => ids.map((id) => row(id));
const at = (items: Row[], waiting: Row[] = []): State<Row> => ({ path: "/deliveries", items, next: "1", trouble: "", waiting });
const ids = (rows: Row[] | undefined) => rows?.map((one) => one.id);
const look = (items: Row[], before: State<Row>, next: string | null = "1") => merge({ items, next }, before, (one) => one.id);

test("rows that are shown are brought up to date where they stand", () => {
  const after = look([row(3, "delivered"), row(2)], at(list(3, 2, 1)));
  assert.deepEqual(ids(after.items), [3, 2, 1]);
  assert.equal(after.items?.[0]?.state, "delivered");
  assert.deepEqual(after.waiting, []);
});

test("new rows wait, in their order, and none waits twice", () => {
  const once = look(list(5, 4, 3), at(list(3, 2)));
  assert.deepEqual([ids(once.items), ids(once.waiting)], [[3, 2], [5, 4]]);
  const twice = look(list(6, 5, 4), once);
  assert.deepEqual([ids(twice.items), ids(twice.waiting)], [[3, 2], [6, 5, 4]]);
  assert.ok(!twice.gap);
});

test("more new rows than a page holds are a gap, which stays until the list is loaded anew", () => {
  const after = look(list(9, 8, 7), at(list(3, 2)));
  assert.equal(after.gap, true);
  assert.equal(look(list(10, 9, 8), after).gap, true);
});

test("the last page leaves no gap", () => {
  assert.equal(look(list(9, 8), at(list(3)), null).gap, false);
});

test("an empty list shows what comes at once", () => {
  assert.deepEqual(ids(look(list(1), at([])).items), [1]);
});
