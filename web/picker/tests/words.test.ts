import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { plainName } from "../src/format.js";
import { KEYS } from "../src/words/en.js";
import { LANGUAGES, Words, wordsOf } from "../src/words/words.js";

const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map((place) => place[0]).sort();

for (const [language, load] of Object.entries(LANGUAGES)) {
  test(`${language} has every text, with the places that are filled in`, async () => {
    const texts = (await load()).default as Record<string, string>;
    const lacking = KEYS.filter((key) => !texts[key]);
    assert.deepEqual(lacking, []);
    const invented = Object.keys(texts).filter((key) => !(KEYS as readonly string[]).includes(key));
    assert.deepEqual(invented, []);
    for (const key of KEYS) assert.deepEqual(places(texts[key] ?? ""), places(key), key);
  });
}

test("texts that integrations may have replaced keep the protocol's wording", () => {
  const protocol = [
    "Upload", "Upload more", "Deselect All", "View/Edit Selected", "Sign Out", "Connect {providerName}",
    "Select Files from {providerName}", "You need to authenticate with {providerName}.",
    "A new page will open to connect your account.", "Go back", "This folder is empty.", "Files", "Uploaded",
    "Uploading", "Completed", "Selected Files", "Connection Lost", "Try again", "Select Files to Upload",
    "Select From", 'No search results found for "{search}"', "Our file upload limit is {maxFiles} {filesText}",
    "File {displayName} is not an accepted file type. The accepted file types are {types}",
    "File {displayName} is too big. The accepted file size is less than {roundFileSize}",
  ];
  for (const text of protocol) assert.ok((KEYS as readonly string[]).includes(text), text);
});

test("an integration's own words come before those of a language", async () => {
  const words = await wordsOf("de", { Upload: "Los" }, () => undefined);
  assert.equal(words.t("Upload"), "Los");
  assert.equal(words.t("Cancel"), "Abbrechen");
});

test("Arabic is written from right to left, and numbers are counted as it counts", async () => {
  const words = await wordsOf("ar", undefined, () => undefined);
  assert.ok(words.rtl);
  const form = (count: number) => words.n(count, "{count} file", "{count} files").includes("ملفات");
  assert.deepEqual([1, 3, 10, 11, 100].map(form), [false, true, true, false, false]);
  assert.equal((await wordsOf("de", undefined, () => undefined)).rtl, false);
});

test("a language that is not there is told, and English is shown", async () => {
  const warnings: string[] = [];
  const words = await wordsOf("sv", undefined, (sentence) => warnings.push(sentence));
  assert.equal(words.t("Upload"), "Upload");
  assert.match(warnings.join(), /sv is not translated/);
});

test("numbers have the form that their language wants", () => {
  const words = new Words("en", {});
  assert.equal(words.n(1, "{count} file", "{count} files"), "1 file");
  assert.equal(words.n(12_000, "{count} file", "{count} files"), "12,000 files");
  assert.equal(words.size(999), "999 B");
  assert.equal(words.size(2_400_000), "2.4 MB");
  assert.equal(words.size(999_950), "1 MB");
  assert.equal(new Words("fr", {}).size(2_400_000), "2,4 Mo");
});

test("marks that turn the direction of a name are shown as marks", () => {
  assert.equal(plainName("invoice\u202efdp.exe"), "invoice\ufffdfdp.exe");
});

test("names in sentences are shown with their marks, too", () => {
  const text = new Words("en", {}).t("Edit {displayName}", { displayName: "invoice\u202efdp.exe" });
  assert.equal(text, "Edit invoice\ufffdfdp.exe");
});

test("every text is used", () => {
  const source = join(process.cwd(), "src");
  const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file) && !file.startsWith("words"));
  const text = files.map((file) => readFileSync(join(source, file), "utf8")).join("\n");
  const unused = KEYS.filter((key) => !text.includes(JSON.stringify(key)) && !text.includes(`'${key}'`));
  assert.deepEqual(unused, []);
});
