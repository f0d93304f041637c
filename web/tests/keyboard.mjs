// The whole journey without a mouse. The focus never leaves the picker and is always seen.

import assert from "node:assert/strict";
import { entry, files, inBrowser, openDemo } from "./browser.mjs";

await inBrowser("keyboard", async (context) => {
  const page = await openDemo(context);
  const focused = () => page.evaluate(() => {
    const active = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;
    return active?.textContent?.trim() ?? "";
  });
  const at = () => page.locator(".at bdi").innerText();
  const { keyboard } = page;
  /** @param {string} name @param {() => Promise<string>} [what] */
  const tabTo = async (name, what = focused) => {
    for (let n = 0; n < 40 && (await what()) !== name; n += 1) await keyboard.press("Tab");
    assert.equal(await what(), name);
  };

  await tabTo("Attach files");
  await keyboard.press("Enter");
  await page.getByRole("button", { name: "Connect Dropbox" }).waitFor();
  assert.equal(await focused(), "Connect Dropbox");
  const opening = page.waitForEvent("popup");
  await keyboard.press("Enter");
  const popup = await opening;
  await popup.locator("#allow").focus();
  await popup.keyboard.press("Enter");
  await files(page).first().waitFor();

  // The list has the focus: down, into a folder, and out again.
  assert.equal(await at(), "Curious names");
  await keyboard.press("ArrowDown");
  assert.equal(await at(), "Documents");
  await keyboard.press("Enter");
  await entry(page, "Packing list.txt").waitFor();
  await keyboard.press("Backspace");
  await entry(page, "Welcome.txt").waitFor();

  // Space chooses and lets go; Shift and Space choose all between.
  await keyboard.press("End");
  assert.equal(await at(), "Welcome.txt");
  await keyboard.press("Space");
  assert.equal(await page.locator("[role=option][aria-selected=true]").count(), 1);
  await keyboard.press("ArrowUp");
  await keyboard.press("Shift+Space");
  assert.equal(await page.locator("[role=option][aria-selected=true]").count(), 2);
  await keyboard.press("Space");
  assert.equal(await page.locator("[role=option][aria-selected=true]").count(), 1);

  // Letters go to the name that begins with them.
  await keyboard.press("Home");
  await keyboard.type("we");
  assert.equal(await at(), "Welcome.txt");

  // A slash begins a search; Escape ends it and leaves the picker open.
  await keyboard.press("/");
  await keyboard.type("pack");
  await entry(page, "Packing list.txt").waitFor();
  await keyboard.press("Escape");
  await entry(page, "Welcome.txt").waitFor();
  assert.equal(await page.getByRole("dialog").count(), 1);

  // Tab goes round within the picker, and what has the focus is outlined.
  for (let n = 0; n < 24; n += 1) {
    await keyboard.press(n < 12 ? "Tab" : "Shift+Tab");
    const seen = await page.evaluate(() => {
      const active = document.activeElement?.shadowRoot?.activeElement;
      const list = active?.matches("[role=listbox]");
      const outlined = list ? active?.querySelector(".at") : active;
      const style = outlined ? getComputedStyle(outlined, list ? "::before" : null) : null;
      return { inside: Boolean(active?.closest("dialog")), outline: style?.outlineStyle ?? "none" };
    });
    assert.deepEqual(seen, { inside: true, outline: "solid" });
  }
  await tabTo("Upload");
  await keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const result = JSON.parse(await page.locator("#json").innerText());
  assert.deepEqual(result.filesUploaded.map((/** @type {{filename: string}} */ file) => file.filename), ["Welcome.txt"]);
  // And it is back where it was.
  assert.equal(await focused(), "Attach files");
});
