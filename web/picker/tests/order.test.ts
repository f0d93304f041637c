import assert from "node:assert/strict";
import { test } from "node:test";
import { comparing, merge, type Sort } from "../src/sources/dropbox/order.js";
import { item } from "./item.js";

const names = (sort: Sort, reverse = false) => {
  const entries = [
    item("photo 10.jpg", { bytes: 5, modified: "2026-01-01T00:00:00Z" }),
    item("Photo 2.jpg", { bytes: 9, modified: "2026-03-01T00:00:00Z" }),
    item("a folder", { folder: true, bytes: 0 }),
    item("zebra.txt", { bytes: 7, modified: "2025-01-01T00:00:00Z" }),
  ];
  return entries.sort(comparing(sort, reverse, "en")).map((one) => one.name);
};

test("names stand in the order people expect, folders first", () => {
  assert.deepEqual(names("name"), ["a folder", "Photo 2.jpg", "photo 10.jpg", "zebra.txt"]);
});

test("a turned order leaves folders first", () => {
  assert.deepEqual(names("name", true), ["a folder", "zebra.txt", "photo 10.jpg", "Photo 2.jpg"]);
});

test("the newest and the largest come first", () => {
  assert.deepEqual(names("modified"), ["a folder", "Photo 2.jpg", "photo 10.jpg", "zebra.txt"]);
  assert.deepEqual(names("size"), ["a folder", "Photo 2.jpg", "zebra.txt", "photo 10.jpg"]);
});

test("pages that are merged come to the same as all at once", () => {
  const compare = comparing("name", false, "en");
  const all = Array.from({ length: 500 }, (_, index) => item(`file ${(index * 7919) % 500}`, { folder: index % 9 === 0 }));
  let merged: typeof all = [];
  for (let at = 0; at < all.length; at += 60) merged = merge(merged, all.slice(at, at + 60), compare);
  assert.deepEqual(merged.map((one) => one.name), [...all].sort(compare).map((one) => one.name));
});
