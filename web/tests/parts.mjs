// Parts of the picker that are loaded when they are needed: what does not come is said and can be
// tried again.

import assert from "node:assert/strict";
import { DEMO, inBrowser } from "./browser.mjs";
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

await inBrowser("parts-that-do-not-come-are-told", async (context) => {
  const tab = await context.newPage();
  let refused = 0;
  await tab.route("**/link-*.js", async (route) => {
    refused += 1;
    await route.abort();
  });
  await tab.goto(pages.url);
  await tab.locator("#pick").click();
  await tab.getByRole("button", { name: "Link (URL)" }).click();
  await tab.getByRole("heading", { name: "The server cannot be reached" }).waitFor();
  assert.ok(refused > 0);
  await tab.unroute("**/link-*.js");
  await tab.getByRole("button", { name: "Try again" }).click();
  await tab.getByLabel("Enter a URL").waitFor();
  await tab.getByRole("button", { name: "My Device" }).click();
  await tab.locator("#fsp-fileUpload").setInputFiles([{ name: "log.txt", mimeType: "text/plain", buffer: Buffer.from("fair winds\n") }]);
  await tab.getByText("Selected Files").waitFor();
  await tab.getByRole("button", { name: "Upload", exact: true }).click();
  assert.deepEqual((await result(tab)).filesUploaded.map((file) => file.filename), ["log.txt"]);
});

await inBrowser("parts-reasons-come-when-something-goes-wrong", async (context) => {
  const tab = await context.newPage();
  await tab.route("**/texts-*.js", (route) => route.abort());
  await tab.route("**/folder/list", (route) => route.fulfill({
    status: 503, contentType: "application/json", body: JSON.stringify({ error: "dropbox does not answer", code: "dropbox-unavailable" }),
  }));
  await tab.goto(pages.url);
  await tab.locator("#pick").click();
  // Without its words the server's own sentence is shown.
  await tab.getByText("Dropbox does not answer.").waitFor();
  await tab.unroute("**/texts-*.js");
  await tab.getByRole("button", { name: "Try again" }).click();
  await tab.getByText("This is on Dropbox's side. Try again in a moment.").waitFor();
});

pages.close();
