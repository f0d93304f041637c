// A copy that is given up ends at the server, too, and leaves no file: one file that is cancelled,
// a picker that is closed, a page that goes away.

import assert from "node:assert/strict";
import { DEMO, entry, files, inBrowser, openDemo } from "./browser.mjs";

/** @typedef {import("./browser.mjs").Page} Page */

await inBrowser("cancelled", async (context) => {
  const page = await openDemo(context);
  const opening = page.waitForEvent("popup");
  await page.locator("#pick").click();
  await page.getByRole("button", { name: "Connect Dropbox" }).click();
  const popup = await opening;
  await popup.getByRole("button", { name: "Allow" }).waitFor();
  const faults = `${new URL(popup.url()).origin}/_sandbox/faults`;
  await popup.getByRole("button", { name: "Allow" }).click();
  await files(page).first().waitFor();
  // Fifteen bytes in fifteen seconds.
  const slow = () => context.request.post(faults, { data: { route: "files/download", kind: "slow", bytes_per_second: 1 } });
  await slow();

  /** Begins to copy a file that will not be there before it is given up. @param {Page} page */
  const begin = async (page) => {
    const asking = page.waitForRequest("**/store/");
    await entry(page, "Welcome.txt").click();
    await page.getByRole("button", { name: "Upload", exact: true }).click();
    const asked = await asking;
    return { headers: { "Idempotency-Key": asked.headers()["idempotency-key"] ?? "" }, data: asked.postDataJSON() };
  };
  /** Asks once more what became of it. @param {Awaited<ReturnType<typeof begin>>} asked */
  const isCancelled = async (asked) => {
    const answer = await context.request.post(`${DEMO}/store/`, asked);
    assert.deepEqual([answer.status(), (await answer.json()).code], [409, "cancelled"]);
  };
  /** @param {Page} page */
  const told = (page) => page.waitForResponse("**/cancel").then(async (answer) => (await answer.json()).files);

  let asked = await begin(page);
  let answer = told(page);
  await page.getByRole("button", { name: "Cancel: Welcome.txt" }).click();
  assert.equal((await answer)[0].state, "cancelled");
  await isCancelled(asked);

  // The same file once more is another pick; this time the whole picker is closed.
  await entry(page, "Welcome.txt").waitFor();
  asked = await begin(page);
  answer = told(page);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal((await answer)[0].state, "cancelled");
  await isCancelled(asked);

  // And now the page itself goes.
  const leaving = await context.newPage();
  await leaving.goto(`${DEMO}/demo`);
  await leaving.locator("#pick:enabled").click();
  await files(leaving).first().waitFor();
  asked = await begin(leaving);
  await leaving.goto("about:blank");
  await isCancelled(asked);

  // What was not given up arrives, and it alone was told of.
  await context.request.delete(faults);
  await page.locator("#pick:enabled").click();
  await entry(page, "Harbor at dawn.png").click();
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const cards = page.locator(".webhook").filter({ hasText: "fp.upload" });
  await cards.getByText("Both signatures verified").first().waitFor();
  assert.equal(await cards.count(), 1);
  assert.equal(await cards.filter({ hasText: "Welcome" }).count(), 0);
});
