// A person connects their Dropbox, looks around, picks two files; the page shows the files and
// the webhooks that tell of them.

import assert from "node:assert/strict";
import { connect, entry, files, inBrowser, openDemo, until } from "./browser.mjs";

await inBrowser("journey", async (context) => {
  const page = await openDemo(context);
  const popup = await connect(page);
  await until("the popup closes by itself", async () => popup.isClosed());

  await entry(page, "Documents").click();
  await entry(page, "Packing list.txt").waitFor();
  assert.equal(await page.locator("[aria-current=page]").innerText(), "Documents");
  await entry(page, "Packing list.txt").click();
  await page.getByRole("button", { name: "Folder above" }).click();
  await entry(page, "Welcome.txt").waitFor();

  await page.getByRole("searchbox").fill("dawn");
  await entry(page, "Harbor at dawn.png").waitFor();
  await until("only what was searched for is shown", async () => (await files(page).count()) === 1);
  await until("the picture is shown", () =>
    page.locator(".photo img").first().evaluate((image) => /** @type {HTMLImageElement} */ (image).naturalWidth > 0));
  await entry(page, "Harbor at dawn.png").click();
  assert.match(await page.locator(".count").innerText(), /^2 selected · /);
  await page.getByRole("button", { name: "Upload 2" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });

  /** @type {import("../picker/src/result.js").PickResult} */
  const result = JSON.parse(await page.locator("#json").innerText());
  assert.deepEqual(result.filesFailed, []);
  assert.deepEqual(result.filesUploaded.map((file) => file.filename).sort(), ["Harbor at dawn.png", "Packing list.txt"]);
  for (const file of result.filesUploaded) {
    assert.match(file.handle ?? "", /^[A-Za-z0-9]{20}$/);
    assert.equal(file.source, "dropbox");
  }

  const cards = page.locator(".webhook").filter({ hasText: "fp.upload" });
  await cards.getByText("Both signatures verified").nth(1).waitFor();
  assert.equal(await cards.count(), 2);
  await cards.first().locator("summary").click();
  await page.getByText("FS-Signature agrees").first().waitFor();
  await page.getByText("webhook-signature agrees").first().waitFor();

  const text = page.locator("#files a", { hasText: "Packing list.txt" });
  const stored = await context.request.get((await text.getAttribute("href")) ?? "");
  assert.equal(stored.status(), 200);
  assert.equal(await stored.text(), "tea\n");

  // The second time it opens connected, in the folder where it was left.
  await page.reload();
  await page.locator("#pick:enabled").click();
  await entry(page, "Documents").waitFor();
  await page.locator(".account bdi").waitFor();
  assert.match(await page.locator(".account bdi").innerText(), /@/);
  await page.getByRole("button", { name: "Sign Out" }).click();
  await page.getByRole("button", { name: "Connect Dropbox" }).waitFor();
});
