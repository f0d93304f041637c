import assert from "node:assert/strict";
import { test } from "node:test";
import { relative } from "../src/format.js";
import { at, wayBack } from "../src/router.js";

test("signing in leads back into the portal and nowhere else", () => {
  assert.equal(wayBack("/portal/apps/A1/deliveries?state=held"), "/portal/apps/A1/deliveries?state=held");
  for (const elsewhere of [null, "", "https://example.com/portal/", "//example.com/portal/", "/portals/", "/portal/../demo", "/portal/%2e%2e/demo", "\\\\example.com/portal/", "javascript:alert(1)"]) {
    assert.equal(wayBack(elsewhere), "/portal");
  }
});

test("an id from outside cannot leave its place in an address", () => {
  assert.equal(at("A1", "files", "../../x?y#z"), "/portal/apps/A1/files/..%2F..%2Fx%3Fy%23z");
});

test("times are told as how long ago they are", () => {
  const now = 1_700_000_000_000;
  assert.equal(relative(now - 500, now), "now");
  assert.equal(relative(now - 90_000, now), "1 min. ago");
  assert.equal(relative(now + 3_600_000, now), "in 1 hr.");
});
