// Parts of the picker that are loaded ahead or when they are needed: what does not come is said and
// can be tried again, and uploads do not wait for the screen that shows them.

import assert from "node:assert/strict";
import { DEMO, entry, inBrowser, signIn } from "./browser.mjs";
import { apikeyOf, serve } from "./hosts.mjs";

const apikey = await apikeyOf(DEMO);
const pages = await serve({
  "/": {
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><button id="pick">Pick</button>
      <script src="${DEMO}/longshore.js"></script><script>
        document.querySelector("#pick").onclick = () => longshore.init(${JSON.stringify(apikey)}).pick({ maxFiles: 5 })
          .then((result) => { window.result = result; });
      </script>`,
  },
});

/** @param {import("./browser.mjs").Page} tab @returns {Promise<import("../picker/src/result.js").PickResult>} */
const result = async (tab) => (await tab.waitForFunction(() => Reflect.get(window, "result"))).jsonValue();

await inBrowser("parts-loaded-ahead", async (context) => {
  const tab = await context.newPage();
  const ahead = tab.waitForResponse("**/second-*.js");
  await tab.goto(pages.url);
  await tab.locator("#pick").click();
  await tab.getByRole("button", { name: "Connect Dropbox" }).waitFor();
  // Nobody has asked for it yet.
  assert.equal((await ahead).status(), 200);
});

await inBrowser("parts-that-do-not-come-are-told", async (context) => {
  const tab = await context.newPage();
  let refused = 0;
  await tab.route("**/second-*.js", async (route) => {
    refused += 1;
    await route.abort();
  });
  await tab.goto(pages.url);
  await tab.locator("#pick").click();
  await tab.getByRole("button", { name: "My Device" }).click();
  await tab.getByRole("heading", { name: "The server cannot be reached" }).waitFor();
  assert.ok(refused > 0);
  await tab.unroute("**/second-*.js");
  await tab.getByRole("button", { name: "Try again" }).click();
  await tab.locator("#fsp-fileUpload").setInputFiles([{ name: "log.txt", mimeType: "text/plain", buffer: Buffer.from("fair winds\n") }]);
  await tab.getByText("Selected Files").waitFor();
  await tab.getByRole("button", { name: "Upload", exact: true }).click();
  assert.deepEqual((await result(tab)).filesUploaded.map((file) => file.filename), ["log.txt"]);
});

await inBrowser("parts-uploads-do-not-wait-for-their-screen", async (context) => {
  const tab = await context.newPage();
  await tab.route("**/second-*.js", (route) => route.abort());
  await tab.goto(pages.url);
  await tab.locator("#pick").click();
  await signIn(tab);
  await entry(tab, "Welcome.txt").click();
  await tab.getByRole("button", { name: "Upload", exact: true }).click();
  await tab.getByRole("dialog").waitFor({ state: "detached" });
  assert.deepEqual((await result(tab)).filesUploaded.map((file) => file.filename), ["Welcome.txt"]);
});

await inBrowser("parts-files-dropped-before-their-code-is-there", async (context) => {
  const tab = await context.newPage();
  /** @type {() => void} */
  let come = () => undefined;
  const coming = new Promise((resolve) => (come = () => resolve(undefined)));
  await tab.route("**/second-*.js", async (route) => {
    await coming;
    await route.continue();
  });
  await tab.goto(pages.url);
  await tab.locator("#pick").click();
  await tab.getByRole("button", { name: "Connect Dropbox" }).waitFor();
  const dataTransfer = await tab.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["early"], "early.txt", { type: "text/plain" }));
    return data;
  });
  await tab.getByRole("dialog").dispatchEvent("drop", { dataTransfer });
  come();
  await tab.getByText("Selected Files").waitFor();
  await tab.getByText("early.txt").waitFor();
});

pages.close();
