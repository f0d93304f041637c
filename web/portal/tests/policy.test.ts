import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { encoded, policyOf, signed } from "../src/policy/policy.js";

test("a policy is signed over its base64, in hex, as a server does it", async () => {
  const policy = encoded(policyOf({ expiry: 1_523_595_600, calls: ["read", "convert"], handle: "bfTNCigRLq0QMI8wJqWz" }));
  assert.equal(Buffer.from(policy, "base64url").toString(), `{"expiry":1523595600,"call":["read","convert"],"handle":"bfTNCigRLq0QMI8wJqWz"}`);
  assert.equal(await signed(policy, "a secret"), createHmac("sha256", "a secret").update(policy).digest("hex"));
});

test("what is left empty is not in the policy", () => {
  assert.deepEqual(policyOf({ expiry: 1, calls: [], handle: "", path: "", container: "" }), { expiry: 1 });
  assert.deepEqual(policyOf({ expiry: 1, calls: [], maxSize: 0 }), { expiry: 1, maxSize: 0 });
});

test("the base64 stands in an address as it is, whatever is in the policy", () => {
  assert.doesNotMatch(encoded(policyOf({ expiry: 1, calls: [], path: "ü?>~~~/ÿÿÿ.*" })), /[+/]/);
});
