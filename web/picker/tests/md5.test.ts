import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { Md5 } from "../src/transfers/md5.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("a digest is what others compute, whatever the length and however it comes", () => {
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000, 65_537]) {
    const bytes = randomBytes(length);
    for (const step of [1, 7, 64, 1000, length + 1]) {
      const digest = new Md5();
      for (let at = 0; at < length; at += step) digest.update(bytes.subarray(at, at + step));
      assert.equal(hex(digest.end()), createHash("md5").update(bytes).digest("hex"), `${length} by ${step}`);
    }
  }
});
