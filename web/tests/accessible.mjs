// axe-core finds nothing serious, in light and dark, on a desk and on a phone.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { connect, entry, files, inBrowser, openDemo } from "./browser.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/**
 * @param {import("./browser.mjs").Page} page
 * @param {string} where
 */
async function check(page, where) {
  const loaded = await page.evaluate(() => "axe" in window);
  // Through the debugger: the page's own policy lets nothing foreign in.
  if (!loaded) await page.evaluate((await import("node:fs")).readFileSync(AXE, "utf8"));
  const found = await page.evaluate(async () => {
    /** @type {any} */
    const axe = /** @type {any} */ (window).axe;
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map((/** @type {any} */ one) => `${one.impact} ${one.id}: ${one.nodes[0].html}\n${one.nodes[0].failureSummary}`);
  });
  assert.deepEqual(found, [], where);
}

for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    await inBrowser(`accessible-${viewport.width}-${colorScheme}`, async (context) => {
      const page = await openDemo(context);
      await check(page, "the page");
      await page.locator("#pick").click();
      await page.getByRole("button", { name: "Connect Dropbox" }).waitFor();
      await check(page, "connect");
      await page.getByRole("button", { name: "Close" }).click();
      await connect(page);
      await check(page, "files");
      await page.getByRole("button", { name: "Show as grid" }).click();
      await entry(page, "Welcome.txt").click();
      await check(page, "grid");
      if (viewport.width < 400) {
        const small = await page.locator("dialog :is(button, input, [role=option])").evaluateAll((all) =>
          all.filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().height < 43.5).map((one) => `${one.className} ${one.getBoundingClientRect().height}`));
        assert.deepEqual(small, [], "smaller than a thumb");
      }
      await page.route("**/store/", (route) => route.fulfill({ status: 404, json: { code: "path-not-found", error: "gone" } }), { times: 1 });
      await page.getByRole("button", { name: /^Upload/ }).click();
      await page.getByRole("button", { name: "Try again" }).waitFor();
      await check(page, "storing");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.locator(".webhook").filter({ hasText: "fp.upload" }).getByText("Both signatures verified").first().waitFor();
      await page.locator(".webhook summary").first().click();
      await check(page, "a webhook");
      assert.equal(await files(page).count(), 0);
    }, { viewport, colorScheme, reducedMotion: "reduce", hasTouch: viewport.width < 400 });
  }
}
