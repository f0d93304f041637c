// Processes that end in the middle and grants that are withdrawn at Dropbox: the picker says what
// happened and goes on, and what is stored is what was picked.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { entry, inBrowser, onDisk, signIn, until } from "./browser.mjs";
import { serve } from "./hosts.mjs";
import { startService } from "./processes.mjs";

/** @typedef {import("./browser.mjs").Page} Page */

const NAMES = ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt", "f.txt"];
const large = randomBytes(24_000_000);
const service = await startService({
  "large.bin": large,
  "Papers/deed.txt": "deed\n",
  ...Object.fromEntries(NAMES.map((name) => [name, `${name}\n`])),
});
const pages = await serve({
  "/": {
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><button id="pick">Pick</button>
      <script src="${service.url}/longshore.js"></script><script>
        document.querySelector("#pick").onclick = () => longshore.init(${JSON.stringify(service.apikey)}).pick({ maxFiles: 20 })
          .then((result) => { window.result = result; });
      </script>`,
  },
});

/** @param {Page} tab @returns {Promise<import("../picker/src/result.js").PickResult>} */
const result = async (tab) => (await tab.waitForFunction(() => Reflect.get(window, "result"), undefined, { timeout: 60_000 })).jsonValue();
/** @param {Buffer} bytes */
const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** @param {import("./browser.mjs").Context} context */
async function open(context) {
  const tab = await context.newPage();
  await tab.goto(pages.url);
  await tab.locator("#pick").click();
  await signIn(tab);
  return tab;
}

/**
 * Connects once more. Dropbox knows the app from other browsers of this person and asks nothing.
 * @param {Page} tab
 */
async function reconnect(tab) {
  const opening = tab.waitForEvent("popup");
  await tab.getByRole("button", { name: "Connect Dropbox" }).click();
  const popup = await opening;
  if (!popup.isClosed()) await popup.waitForEvent("close");
}

await inBrowser("restarts-in-the-middle-of-a-copy-and-an-upload", async (context) => {
  const tab = await open(context);
  const device = randomBytes(26_000_000);
  await service.fault({ route: "files/download", path: "/large.bin", kind: "slow", bytes_per_second: 4_000_000 });
  await entry(tab, "large.bin").click();
  await tab.getByRole("button", { name: "My Device" }).click();
  await tab.locator("#fsp-fileUpload").setInputFiles(onDisk({ "device.bin": device }));
  // A slow line, so that parts are still to come when the server ends.
  const network = await context.newCDPSession(tab);
  const line = (/** @type {number} */ uploadThroughput) => network.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput });
  await line(4_000_000);
  await tab.getByRole("button", { name: "Upload 2" }).click();
  const row = (/** @type {string} */ name) => tab.locator(".transfer").filter({ hasText: name });
  for (const name of ["large.bin", "device.bin"]) {
    await until(`bytes of ${name} have arrived`, async () => Number(await row(name).locator("progress[value]").getAttribute("value", { timeout: 500 }).catch(() => 0)) > 0, 40_000);
  }
  await service.kill();
  for (const name of ["large.bin", "device.bin"]) await row(name).getByText("The server does not answer. This goes on by itself.").waitFor();
  await service.clearFaults();
  await line(-1);
  await service.restart();
  const { filesUploaded, filesFailed } = await result(tab);
  assert.deepEqual(filesFailed, []);
  assert.deepEqual(filesUploaded.map((file) => file.filename).sort(), ["device.bin", "large.bin"]);
  for (const file of filesUploaded) {
    const stored = await context.request.get(file.url ?? "");
    assert.equal(sha(await stored.body()), sha(file.filename === "large.bin" ? large : device), file.filename);
  }
});

await inBrowser("restarts-grant-withdrawn-while-browsing", async (context) => {
  const tab = await open(context);
  await entry(tab, "a.txt").click();
  await service.fault({ route: "files/list_folder", times: 1, kind: "revoke_token" });
  await entry(tab, "Papers").click();
  await tab.getByRole("heading", { name: "Connect your Dropbox again" }).waitFor();
  await tab.getByText("The link to your Dropbox was withdrawn or has ended.").waitFor();
  await reconnect(tab);
  // Where it was left, with what was chosen.
  await entry(tab, "deed.txt").click();
  await tab.getByRole("button", { name: "Upload 2" }).click();
  assert.deepEqual((await result(tab)).filesUploaded.map((file) => file.filename).sort(), ["a.txt", "deed.txt"]);
});

await inBrowser("restarts-grant-withdrawn-while-uploading", async (context) => {
  const tab = await open(context);
  for (const name of NAMES) await entry(tab, name).click();
  // After two of them have begun.
  await service.fault({ route: "files/download", skip: 2, times: 1, kind: "revoke_token" });
  await tab.getByRole("button", { name: "Upload 6" }).click();
  await tab.getByRole("heading", { name: "Not everything was stored" }).waitFor();
  await tab.getByText("Your Dropbox is no longer connected").first().waitFor();
  assert.equal(await tab.getByRole("button", { name: "Try again" }).count(), 0, "it would only fail again");
  await tab.getByRole("button", { name: "Connect Dropbox" }).click();
  await tab.getByRole("heading", { name: "Connect your Dropbox again" }).waitFor();
  await reconnect(tab);
  // By itself.
  const { filesUploaded, filesFailed } = await result(tab);
  assert.deepEqual([filesUploaded.map((file) => file.filename).sort(), filesFailed], [NAMES, []]);
  for (const file of filesUploaded) {
    assert.equal(await (await context.request.get(file.url ?? "")).text(), `${file.filename}\n`);
  }
});

pages.close();
await service.close();
