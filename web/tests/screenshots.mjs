// Pictures of every state, at two sizes, in light and dark: target/screenshots.
// With --readme only those of the documents, into docs/images; with a word such as phone-dark
// only those whose names begin with it.

import { fileURLToPath } from "node:url";
import { DEMO, PICTURES, connect, entry, files, inBrowser, openDemo, tick } from "./browser.mjs";
import { device, editor, everySource, inPage, link, pane, uploads } from "./screens.mjs";

/** @typedef {import("playwright-core").Page} Page */

const SIZES = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

/**
 * @param {Page} page
 * @param {(answer: Record<string, unknown>) => unknown} answer
 */
async function answering(page, answer) {
  await page.route("**/folder/list", async (route) => {
    const json = answer({ token: "x" });
    await (json === "gone" ? route.abort() : route.fulfill({ json }));
  });
}

/**
 * @param {Page} page
 * @param {(name: string) => Promise<void>} take
 */
async function troubles(page, take) {
  /** @type {[string, (answer: Record<string, unknown>) => unknown][]} */
  const cases = [
    ["rate-limited", (a) => ({ ...a, dropbox: { error: { code: "dropbox-rate-limited", message: "Dropbox asks us to wait 12 s", retry_after: 12 } } })],
    ["dropbox-away", (a) => ({ ...a, dropbox: { error: { code: "dropbox-unavailable", message: "Dropbox does not answer" } } })],
    ["not-configured", (a) => ({ ...a, dropbox: { error: { code: "dropbox-not-configured", message: "no Dropbox app is set up for this application: make the application with `longshore app create --dropbox-app-key … --dropbox-app-secret …`, or set LONGSHORE_DROPBOX_APP_KEY and LONGSHORE_DROPBOX_APP_SECRET" } } })],
    ["reconnect", (a) => ({ ...a, dropbox: { auth: { redirect_url: DEMO, reason: "reconnect" } } })],
    ["unreachable", () => "gone"],
  ];
  for (const [name, answer] of cases) {
    await answering(page, answer);
    await page.locator("#pick").click();
    await page.locator(".notice").waitFor();
    await take(`error-${name}`);
    await page.getByRole("button", { name: "Close" }).click();
    await page.unroute("**/folder/list");
  }
}

/**
 * @param {Page} page
 * @param {(name: string) => Promise<void>} take
 */
async function browsing(page, take) {
  const up = () => page.getByRole("button", { name: "Folder above" }).click();
  await page.waitForTimeout(500);
  await take("files");
  await entry(page, "Crew").click();
  await entry(page, "ספינה.txt").waitFor();
  await take("right-to-left");
  await up();
  await entry(page, "Curious names").click();
  await entry(page, "no ending").waitFor();
  await take("curious-names");
  await up();
  await entry(page, "Empty").click();
  await page.getByRole("heading", { name: "This folder is empty." }).waitFor();
  await take("empty-folder");
  await up();
  await files(page).first().waitFor();
  await finding(page, "zebra");
  await page.getByRole("heading", { name: "No search results" }).waitFor();
  await take("nothing-found");
  await finding(page, "harbor");
  await entry(page, "Harbor at dusk.jpg").waitFor();
  await page.waitForTimeout(500);
  await take("search");
  await page.getByRole("button", { name: "Show as grid" }).click();
  await entry(page, "Harbor at dawn.jpg").click();
  await entry(page, "Harbor at noon.jpg").click();
  await page.waitForTimeout(300);
  await take("grid-chosen");
  await page.getByRole("button", { name: "Show as list" }).click();
  await up();
  await tick(page, "Documents").click();
  await page.getByText(/^[4-9]\d* selected/).waitFor();
  await page.waitForTimeout(300);
  await take("folder-chosen");
  await page.getByTitle("View/Edit Selected").click();
  await page.getByRole("heading", { name: "Selected Files" }).waitFor();
  await take("selected");
  await page.getByRole("button", { name: "Go back" }).click();
}

/**
 * On a phone the field has to be opened first.
 * @param {Page} page
 * @param {string} words
 */
async function finding(page, words) {
  const field = page.getByRole("searchbox");
  if (!(await field.isVisible())) await page.getByRole("button", { name: "Search", exact: true }).click();
  await field.fill(words);
}

/**
 * @param {Page} page
 * @param {(name: string) => Promise<void>} take
 */
async function storing(page, take) {
  let count = 0;
  /** @type {(() => void)[]} */
  const held = [];
  await page.route("**/store/", async (route) => {
    count += 1;
    if (count === 2) return route.fulfill({ status: 404, json: { code: "path-not-found", error: "gone" } });
    if (count > 1 && count < 5) await new Promise((resolve) => held.push(() => resolve(undefined)));
    return route.continue();
  });
  await page.route("**/progress", async (route) => {
    const files = [{ path: "/Harbor at noon.jpg", state: "copying", copied: 20_000, size: 44_000 }];
    return route.fulfill({ json: { files } });
  });
  await page.getByRole("button", { name: /^Upload/ }).click();
  await page.getByRole("button", { name: "Try again" }).first().waitFor();
  await page.waitForTimeout(1500);
  await take("copying");
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("alertdialog").waitFor();
  await take("asking");
  await page.getByRole("button", { name: "Keep uploading" }).click();
  for (const go of held) go();
  await page.getByRole("button", { name: "Done" }).waitFor();
  await take("one-failed");
  await page.getByRole("button", { name: "Try again" }).first().click();
  await page.getByRole("heading", { name: "Completed" }).waitFor();
  await take("completed");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.unroute("**/store/");
  await page.unroute("**/progress");
}

/**
 * @param {Page} page
 * @param {(name: string) => Promise<void>} take
 */
async function webhooks(page, take) {
  const badges = page.locator(".webhook").filter({ hasText: "fp.upload" }).getByText("Both signatures verified");
  await badges.nth(1).waitFor();
  await page.evaluate(() => window.scrollTo(0, 0));
  await take("picked");
  const proof = page.locator(".webhook summary").first();
  await proof.click();
  await proof.scrollIntoViewIfNeeded();
  await take("signatures");
  await proof.click();
  await page.getByRole("switch").click();
  await page.locator("#pick").click();
  await files(page).first().waitFor();
  await finding(page, "chart");
  await entry(page, "Sea chart.png").click();
  await page.getByRole("button", { name: /^Upload/ }).click();
  await page.getByText("attempt 2 is due").first().waitFor();
  await page.getByText("attempt 3 is due").first().waitFor({ timeout: 30_000 });
  await page.locator(".headed").scrollIntoViewIfNeeded();
  await take("failing");
  await page.getByRole("switch").click();
}

/** The pictures of the README and of docs/picker.md, in docs/images. */
async function forDocuments() {
  const images = fileURLToPath(new URL("../../docs/images/", import.meta.url));
  const viewport = { width: 1100, height: 690 };
  await inBrowser("screenshots-readme", async (context) => {
    const page = await openDemo(context);
    await connect(page);
    await entry(page, "Harbor at dawn.jpg").click();
    await entry(page, "Sea chart.png").click();
    await page.mouse.move(0, 0);
    await page.waitForTimeout(800);
    await page.screenshot({ path: `${images}picker.png`, animations: "disabled" });
    await everySource(page);
    await page.mouse.move(0, 0);
    await page.waitForTimeout(800);
    await page.getByRole("dialog").screenshot({ path: `${images}sources.png`, animations: "disabled" });
    await page.getByRole("button", { name: /^Upload/ }).click();
    await page.getByText("Both signatures verified").nth(1).waitFor();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("switch").check();
    await page.locator("#pick").click();
    await files(page).first().waitFor();
    await finding(page, "tide");
    await entry(page, "Tide tables.csv").click();
    await page.getByRole("button", { name: /^Upload/ }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByText("attempt 3 is due").first().waitFor();
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.screenshot({ path: `${images}webhooks.png`, animations: "disabled" });
    await page.getByRole("switch").uncheck();
  }, { viewport, colorScheme: "light" });
}

/**
 * The picker in a language that is written from right to left.
 * @param {Page} page
 * @param {(name: string) => Promise<void>} take
 */
async function arabic(page, take) {
  await page.reload();
  await page.locator("#pick:enabled").waitFor();
  await page.evaluate(() => void /** @type {any} */ (window).longshore.init(document.querySelector("#pick")?.getAttribute("data-apikey")).pick({ lang: "ar", maxFiles: 5, accept: ["image/*"] }));
  await files(page).first().waitFor();
  await entry(page, "Harbor at dawn.jpg").click();
  await entry(page, "Welcome.txt").click({ force: true });
  await page.waitForTimeout(500);
  await take("arabic");
  await page.getByRole("button", { name: "إغلاق", exact: true }).click();
}

if (process.argv.includes("--readme")) {
  await forDocuments();
  process.exit();
}

const wanted = process.argv[3] ?? "";
for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    if (!`${size}-${colorScheme}`.startsWith(wanted)) continue;
    const touch = size === "phone";
    await inBrowser(`screenshots-${size}-${colorScheme}`, async (context) => {
      const page = await openDemo(context);
      let number = 0;
      /** @param {string} name */
      const take = async (name) => {
        number += 1;
        const file = `${size}-${colorScheme}-${String(number).padStart(2, "0")}-${name}.png`;
        await page.screenshot({ path: PICTURES + file, animations: "disabled" });
      };
      await take("page");
      await device(page, take, touch);
      await editor(page, take);
      await link(page, take);
      await uploads(page, take);
      await inPage(page, take);
      await pane(page, take);
      await troubles(page, take);
      await page.locator("#pick").click();
      await page.getByRole("button", { name: "Connect Dropbox" }).waitFor();
      await take("connect");
      const opening = page.waitForEvent("popup");
      await page.getByRole("button", { name: "Connect Dropbox" }).click();
      const popup = await opening;
      await page.getByText("Finish signing in").waitFor();
      await take("waiting");
      await popup.getByRole("button", { name: "Deny" }).click();
      await page.getByRole("heading", { name: "Dropbox stayed closed" }).waitFor();
      await take("denied");
      await page.evaluate(() => (window.open = () => null));
      await page.getByRole("button", { name: "Connect Dropbox" }).click();
      await page.getByText("The browser blocked the window").waitFor();
      await take("blocked");
      await page.reload();
      await page.locator("#pick:enabled").waitFor();
      await page.route("**/folder/list", async (route) => {
        await new Promise((resolve) => setTimeout(resolve, 2500));
        await route.continue();
      }, { times: 1 });
      await page.locator("#pick").click();
      await page.locator(".ghost").first().waitFor();
      await page.waitForTimeout(400);
      await take("loading");
      await page.getByRole("button", { name: "Close" }).click();
      await connect(page);
      await browsing(page, take);
      await storing(page, take);
      await webhooks(page, take);
      await arabic(page, take);
    }, { viewport, colorScheme, hasTouch: touch, isMobile: touch, deviceScaleFactor: 1 });
  }
}
