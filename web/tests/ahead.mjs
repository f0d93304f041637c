// Files of the device that are sent while the person still chooses (`uploadInBackground`), pictures
// that have to be edited first, and a second round beside the first.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { DEMO, inBrowser, onDisk, until } from "./browser.mjs";
import { apikeyOf, serve } from "./hosts.mjs";

/** @typedef {import("./browser.mjs").Page} Page */

const apikey = await apikeyOf(DEMO);
const pages = await serve({
  "/": {
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><script src="${DEMO}/longshore.js"></script><script>
      window.told = [];
      const names = ["onFileSelected", "onUploadStarted", "onFileUploadStarted", "onFileUploadFinished", "onFileUploadFailed", "onFileUploadCancel", "onFileCropped", "onUploadDone", "onClose"];
      window.begin = (options) => {
        const calls = Object.fromEntries(names.map((name) => [name, (file, token) => {
          told.push(file && file.filename ? name + " " + file.filename : name);
          if (name === "onFileUploadStarted") (window.tokens ??= {})[file.filename] = token;
        }]));
        longshore.init(${JSON.stringify(apikey)}).pick({ fromSources: ["local_file_system"], ...options, ...calls }).then((result) => { window.result = result; });
      };
    </script>`,
  },
});

/** @param {Page} tab @param {object} options */
async function open(tab, options) {
  await tab.goto(pages.url);
  await tab.evaluate((options) => void (/** @type {any} */ (window).begin(options)), options);
  await tab.locator("#fsp-fileUpload").waitFor({ state: "attached" });
}

/** @param {Page} tab @returns {Promise<import("../picker/src/result.js").PickResult>} */
const result = async (tab) => (await tab.waitForFunction(() => Reflect.get(window, "result"))).jsonValue();
/** @param {Page} tab @returns {Promise<string[]>} */
const told = (tab) => tab.evaluate(() => Reflect.get(window, "told"));
/** @param {string} name @param {Buffer} buffer */
const file = (name, buffer) => ({ name, mimeType: "application/octet-stream", buffer });
/** @param {Buffer} bytes */
const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** What a page asks of the upload API. @param {Page} tab */
function listen(tab) {
  /** @type {string[]} */
  const asked = [];
  tab.on("requestfinished", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.includes("/multipart/") && request.method() !== "OPTIONS") asked.push(pathname.split("/")[2] ?? "");
  });
  return { count: (/** @type {string} */ name) => asked.filter((one) => one === name).length };
}

await inBrowser("ahead-while-one-chooses", async (context) => {
  const tab = await context.newPage();
  const asked = listen(tab);
  const large = randomBytes(13_000_000);
  await open(tab, { maxFiles: 3, disableTransformer: true });
  await tab.locator("#fsp-fileUpload").setInputFiles(onDisk({ "large.bin": large, "wrong.bin": Buffer.from("no"), "third.bin": Buffer.from("3") }));
  await until("every part is there before Upload is pressed", async () => asked.count("part") === 5);
  await tab.getByRole("button", { name: "Remove wrong.bin" }).click();
  // The page itself gives one up.
  await tab.evaluate(() => Reflect.get(window, "tokens")["third.bin"].cancel());
  await tab.getByText("1 selected").waitFor();
  assert.equal(asked.count("complete"), 0, "nothing is stored yet");
  await tab.getByRole("button", { name: "Upload", exact: true }).click();
  const { filesUploaded, filesFailed } = await result(tab);
  assert.deepEqual([filesUploaded.map((one) => one.filename), filesFailed], [["large.bin"], []]);
  assert.equal(sha(await (await context.request.get(filesUploaded[0]?.url ?? "")).body()), sha(large));
  assert.equal(asked.count("part"), 5, "nothing is sent twice");
  assert.equal(asked.count("complete"), 1, "what was let go is never stored");
  const calls = await told(tab);
  assert.deepEqual(calls.slice(0, 6).sort(), ["large.bin", "third.bin", "wrong.bin"].flatMap((name) => [`onFileSelected ${name}`, `onFileUploadStarted ${name}`]).sort());
  assert.deepEqual(calls.slice(6), ["onFileUploadCancel wrong.bin", "onFileUploadCancel third.bin", "onUploadStarted", "onFileUploadFinished large.bin", "onUploadDone", "onClose"]);
});

await inBrowser("ahead-not-unless-pictures-stay-as-they-are", async (context) => {
  for (const options of [{}, { disableTransformer: true, uploadInBackground: false }]) {
    const tab = await context.newPage();
    const asked = listen(tab);
    await open(tab, options);
    await tab.locator("#fsp-fileUpload").setInputFiles([file("a.bin", Buffer.from("a"))]);
    await tab.getByText("Selected Files").waitFor();
    await tab.waitForLoadState("networkidle");
    assert.equal(asked.count("start"), 0);
    await tab.getByRole("button", { name: "Upload", exact: true }).click();
    assert.equal((await result(tab)).filesUploaded.length, 1);
    assert.deepEqual((await told(tab)).slice(0, 3), ["onFileSelected a.bin", "onUploadStarted", "onFileUploadStarted a.bin"]);
    await tab.close();
  }
});

await inBrowser("ahead-a-second-round-is-waited-for", async (context) => {
  const tab = await context.newPage();
  await open(tab, { maxFiles: 3 });
  /** @type {(() => void)[]} */
  const held = [];
  await tab.route("**/multipart/complete", (route) => void held.push(() => void route.continue()));
  await tab.locator("#fsp-fileUpload").setInputFiles([file("first.bin", Buffer.from("1"))]);
  await tab.getByRole("button", { name: "Upload", exact: true }).click();
  await tab.getByRole("button", { name: "Upload more" }).click();
  await tab.locator("#fsp-fileUpload").setInputFiles([file("second.bin", Buffer.from("2"))]);
  await until("the first is about to be stored", async () => held.length === 1);
  held[0]?.();
  await tab.getByText("Uploaded 1/1").waitFor();
  await tab.getByRole("button", { name: "Upload", exact: true }).click();
  await until("the second is about to be stored", async () => held.length === 2);
  // Longer than a pick that went well is looked at.
  await tab.waitForTimeout(1500);
  assert.equal(await tab.getByRole("dialog").count(), 1, "it stays open");
  held[1]?.();
  assert.deepEqual((await result(tab)).filesUploaded.map((one) => one.filename), ["first.bin", "second.bin"]);
});

await inBrowser("ahead-pictures-that-have-to-be-cropped", async (context) => {
  const tab = await context.newPage();
  await open(tab, { maxFiles: 3, transformations: { crop: { aspectRatio: 1, force: true } } });
  const png = await tab.evaluate(() => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [60, 40];
    return canvas.toDataURL("image/png").split(",")[1] ?? "";
  });
  const picture = (/** @type {string} */ name) => ({ name, mimeType: "image/png", buffer: Buffer.from(png, "base64") });
  await tab.locator("#fsp-fileUpload").setInputFiles([picture("a.png"), file("b.bin", Buffer.from("b")), picture("c.png")]);
  // The editor opens by itself; who leaves it comes back to it on Upload.
  await tab.getByRole("heading", { name: "a.png" }).waitFor();
  await tab.getByRole("button", { name: "Cancel" }).click();
  await tab.getByRole("button", { name: "Upload 3" }).click();
  for (const name of ["a.png", "c.png"]) {
    await tab.getByRole("heading", { name }).waitFor();
    await tab.getByRole("group", { name: /40 by 40/ }).waitFor();
    await tab.getByRole("button", { name: "Save" }).click();
  }
  await tab.getByRole("button", { name: "Upload 3" }).click();
  const { filesUploaded } = await result(tab);
  assert.deepEqual(filesUploaded.map((one) => [one.filename, one.cropped?.cropArea.size]), [["a.png", [40, 40]], ["b.bin", undefined], ["c.png", [40, 40]]]);
});

pages.close();
