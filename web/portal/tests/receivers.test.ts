import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { RECEIVERS } from "../src/policy/receivers.js";

test("the code that checks a signature is the documents', which is tried", () => {
  const document = readFileSync("../../docs/webhooks.md", "utf8");
  assert.equal(RECEIVERS.length, 5);
  for (const { name, text } of RECEIVERS) assert.ok(document.includes(`\n${text}\n\`\`\``), name);
});
