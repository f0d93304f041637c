// File names that hold markup, turn the direction or are far too long do nothing but be shown.

import assert from "node:assert/strict";
import { connect, files, inBrowser, openDemo } from "./browser.mjs";

await inBrowser("hostile", async (context) => {
  const page = await openDemo(context);
  await connect(page);
  await page.getByRole("option", { name: "Curious names" }).click();
  await page.getByText("<img src=x onerror=", { exact: false }).first().waitFor();
  const count = await files(page).count();
  assert.ok(count >= 4);
  const width = await page.locator("dialog").evaluate((dialog) => [dialog.scrollWidth, dialog.clientWidth]);
  assert.equal(width[0], width[1], "a long name does not widen the picker");
  // A mark that turns the direction stays within its own name.
  const turned = files(page).filter({ hasText: "fdp.exe" });
  assert.equal(await turned.locator("bdi").innerText(), "invoice\ufffdfdp.exe");
  for (const row of await files(page).all()) await row.click();
  await page.getByRole("button", { name: `Upload ${count}` }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.locator(".webhook").filter({ hasText: "fp.upload" }).getByText("Both signatures verified").nth(count - 1).waitFor();
  const result = JSON.parse(await page.locator("#json").innerText());
  assert.equal(result.filesUploaded.length, count);
  assert.equal(await page.title(), "Longshore demo");
  assert.equal(await page.locator("main img, dialog img[src=x]").count(), 0);
});
