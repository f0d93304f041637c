// What goes wrong is said, with one button that helps.

import assert from "node:assert/strict";
import { connect, entry, files, inBrowser, openDemo } from "./browser.mjs";

await inBrowser("refusals", async (context) => {
  const page = await openDemo(context);
  const heading = (/** @type {string} */ name) => page.getByRole("heading", { name });

  await connect(page, "Deny");
  await heading("Dropbox stayed closed").waitFor();

  // Tried again at once, the earlier no is not taken for the answer.
  const opening = page.waitForEvent("popup");
  await page.getByRole("button", { name: "Connect Dropbox" }).click();
  const popup = await opening;
  await heading("Finish signing in in the other window").waitFor();
  await page.waitForTimeout(1500);
  await heading("Finish signing in in the other window").waitFor();
  await popup.close();

  // A browser that blocks the window: the way leads through this tab and back.
  await page.evaluate(() => (window.open = () => null));
  await page.getByRole("button", { name: "Open again" }).click();
  await heading("The browser blocked the window").waitFor();
  await page.getByRole("button", { name: "Continue in this tab" }).click();
  await page.getByRole("button", { name: "Allow" }).click();
  await files(page).first().waitFor();
  assert.equal(new URL(page.url()).search, "");

  // The server is away, and comes back.
  await page.route("**/folder/list", (route) => route.abort());
  await entry(page, "Documents").click();
  await heading("The server cannot be reached").waitFor();
  await page.unroute("**/folder/list");
  await page.getByRole("button", { name: "Try again" }).click();
  await entry(page, "Packing list.txt").waitFor();

  // Dropbox asks to wait: it counts down and goes on by itself.
  const slow = { code: "dropbox-rate-limited", message: "Dropbox asks us to wait 2 s", retry_after: 2 };
  await page.route("**/folder/list", (route) => route.fulfill({ json: { dropbox: { error: slow } } }), { times: 1 });
  await page.getByRole("button", { name: "Folder above" }).click();
  await heading("Dropbox asks us to wait").waitFor();
  await entry(page, "Documents").waitFor();

  // One of two fails: the other is kept, and the failed one can be tried again.
  await entry(page, "Harbor at dawn.png").click();
  await entry(page, "Welcome.txt").click();
  const gone = { status: 404, json: { code: "path-not-found", error: "nothing lies at that path any more" } };
  await page.route("**/store/", (route) => route.fulfill(gone), { times: 1 });
  await page.getByRole("button", { name: "Upload 2" }).click();
  await page.getByText("1 of 2 files stored").first().waitFor();
  await page.getByText("It was moved or deleted meanwhile").waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const result = JSON.parse(await page.locator("#json").innerText());
  assert.equal(result.filesUploaded.length, 2);

  // Closing is an answer and not an error.
  await page.locator("#pick").click();
  await files(page).first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.deepEqual(JSON.parse(await page.locator("#json").innerText()), { filesUploaded: [], filesFailed: [] });
});
