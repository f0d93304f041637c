import assert from "node:assert/strict";
import { test } from "node:test";
import { asTypes, isAccepted } from "../src/accept.js";

const cases: [string[], string, string, boolean][] = [
  [[], "anything", "", true],
  [["image/*"], "a.jpg", "image/jpeg", true],
  [["image/*"], "a.pdf", "application/pdf", false],
  // A source that does not know the type is helped by the name.
  [["image/*"], "a.HEIC", "application/octet-stream", true],
  [[".pdf"], "a.PDF", "application/octet-stream", true],
  [["pdf"], "a.pdf", "", true],
  [[".jpg"], "a.jpeg", "", true],
  [["application/pdf"], "a.pdf", "application/octet-stream", true],
  [["*/*"], "no ending", "", true],
  [[".txt"], "txt", "", false],
  [[".gitignore"], ".gitignore", "", false],
];

test("a file is taken by its ending or its media type", () => {
  for (const [accept, name, type, taken] of cases) assert.equal(isAccepted(accept, name, type), taken, `${accept.join()} ${name}`);
});

test("endings become media types where they are known", () => {
  assert.deepEqual(asTypes([".pdf", "image/*", ".xyz"]), ["application/pdf", "image/*", ".xyz"]);
});
