// A subscriber that fails: the attempts can be watched, and it is told when it is mended.

import assert from "node:assert/strict";
import { connect, entry, inBrowser, openDemo, until } from "./browser.mjs";

await inBrowser("retries", async (context) => {
  const page = await openDemo(context);
  await page.getByText("5 s, 15 s, 30 s").waitFor();
  await page.getByRole("switch").check();
  await connect(page);
  await entry(page, "Welcome.txt").click();
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  // The newest stands first.
  const card = page.locator(".webhook").filter({ hasText: "fp.upload" }).first();
  await card.getByText("attempt 2 is due in").waitFor();
  assert.equal(await card.locator(".dot.ill").count(), 1);
  assert.equal(await card.locator(".dot.due").count(), 3);
  await card.getByText("attempt 3 is due in").waitFor();
  assert.equal(await card.locator(".dot.ill").count(), 2);
  await page.getByRole("switch").uncheck();
  await card.getByText("Accepted at attempt 3").waitFor({ timeout: 30_000 });
  assert.equal(await card.locator(".dot.well").count(), 1);
  // Another page that opens now hears the same story.
  const other = await openDemo(context);
  await other.locator(".webhook").filter({ hasText: "fp.upload" }).getByText("Accepted at attempt 3").waitFor();
  // What is sent by somebody else is shown as what it is.
  const forged = await context.request.post(new URL("/demo/webhooks", page.url()).href, {
    headers: { "FS-Timestamp": "1", "FS-Signature": "00" },
    data: { id: 1, action: "fp.upload", text: { filename: "<img src=x onerror=document.title='hacked'>" } },
  });
  assert.equal(forged.status(), 401);
  await page.getByText("Signature is not genuine").waitFor();
  await until("markup in it is text", async () => (await page.title()) === "Longshore demo");
});
