// What there is to see of the device, of links, of the editor and within the page. For the
// pictures of every state.

import assert from "node:assert/strict";
import { DEMO } from "./browser.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {(name: string) => Promise<void>} Take */

/**
 * Opens a picker of its own with these options.
 * @param {Page} page
 * @param {Record<string, unknown>} options
 */
async function open(page, options) {
  await page.evaluate((options) => {
    const { longshore } = /** @type {any} */ (window);
    longshore.init(document.querySelector("#pick")?.getAttribute("data-apikey")).pick({ maxFiles: 20, ...options });
  }, options);
  await page.getByRole("dialog").waitFor();
}

/** @param {Page} page */
async function close(page) {
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** @param {string} name @param {number} [bytes] */
const plain = (name, bytes = 40) => ({ name, mimeType: "text/plain", buffer: Buffer.alloc(bytes, "knot ") });

/**
 * A picture that the demo serves, as a file of the device.
 * @param {Page} page
 */
async function chart(page) {
  const answer = await page.context().request.get(`${DEMO}/demo/sea-chart.png`);
  assert.equal(answer.status(), 200);
  return { name: "Sea chart.png", mimeType: "image/png", buffer: await answer.body() };
}

/**
 * Files that hang over something.
 * @param {Page} page
 * @param {string} type
 */
async function drag(page, type) {
  const dataTransfer = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["x"], "oars.txt", { type: "text/plain" }));
    return data;
  });
  const target = (await page.getByRole("dialog").count()) > 0 ? page.getByRole("dialog") : page.locator("body");
  await target.dispatchEvent(type, { dataTransfer });
}

/** @param {Page} page @param {Take} take @param {boolean} touch */
export async function device(page, take, touch) {
  await open(page, { fromSources: ["local_file_system", "dropbox", "url"], accept: ["image/*", ".txt"] });
  await page.getByRole("button", { name: "Select Files to Upload" }).first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Take Photo" }).count(), touch ? 1 : 0);
  await take("device");
  await drag(page, "dragover");
  await take("device-over");
  await drag(page, "dragleave");
  await page.locator("#fsp-fileUpload").setInputFiles([
    await chart(page),
    plain("Crew list.txt"),
    plain("A log of all that was seen between the island of the gulls and the old lighthouse.txt", 2_400_000),
    { ...plain("engine.pdf"), mimeType: "application/pdf" },
  ]);
  await page.getByText("Selected Files").waitFor();
  await page.waitForTimeout(400);
  await take("device-files");
  await close(page);
}

/** @param {Page} page @param {Take} take */
export async function editor(page, take) {
  await open(page, { fromSources: ["local_file_system"] });
  await page.locator("#fsp-fileUpload").setInputFiles([await chart(page)]);
  await page.getByRole("button", { name: "Edit Sea chart.png" }).click();
  await page.locator(".stage:not([aria-busy=true])").waitFor();
  await take("editor");
  await page.getByRole("button", { name: "Crop…" }).click();
  await take("editor-crop");
  await page.getByRole("button", { name: "Circle" }).click();
  await take("editor-circle");
  await page.getByRole("button", { name: "Turn right" }).click();
  await take("editor-turned");
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForTimeout(1200);
  await take("edited");
  await close(page);
}

/** @param {Page} page @param {Take} take */
export async function link(page, take) {
  await open(page, { fromSources: ["url", "local_file_system", "dropbox"] });
  const field = page.getByLabel("Enter a URL");
  await field.waitFor();
  await take("link");
  await field.fill("http://10.0.0.1/report.pdf");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("alert").getByText("private network").waitFor();
  await take("link-refused");
  await field.fill(`${DEMO}/demo/sea-chart.png`);
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("Selected Files").waitFor();
  await take("link-fetched");
  await close(page);
}

/**
 * In an open picker, files of the device and of a link beside what is chosen.
 * @param {Page} page
 */
export async function everySource(page) {
  await page.getByRole("button", { name: "My Device" }).click();
  await page.locator("#fsp-fileUpload").setInputFiles([plain("Crew list.txt"), { ...plain("Insurance.pdf", 812_000), mimeType: "application/pdf" }]);
  await page.getByText("Selected Files").waitFor();
  await page.getByRole("button", { name: "Link (URL)" }).click();
  await page.getByLabel("Enter a URL").fill(`${DEMO}/demo/sea-chart.png`);
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("Selected Files").waitFor();
}

/**
 * Uploads of the device: on their way, paused, without a connection.
 * @param {Page} page
 * @param {Take} take
 */
export async function uploads(page, take) {
  await open(page, { fromSources: ["local_file_system"] });
  await page.locator("#fsp-fileUpload").setInputFiles([plain("Voyage.mov", 16_000_000), plain("Harbor.mov", 14_000_000), plain("Crew list.txt"), await chart(page)]);
  // Small files arrive at once, and the first parts of large ones; the others keep people waiting.
  let [parts, away] = [0, false];
  /** @type {(() => void)[]} */
  const held = [];
  await page.route("**/multipart/part/**", async (route) => {
    if ((route.request().postDataBuffer()?.length ?? 0) > 2_000_000) parts += 1;
    if (parts > 2 && !away) await new Promise((resolve) => held.push(() => resolve(undefined)));
    await (away ? route.abort("internetdisconnected") : route.continue()).catch(() => undefined);
  });
  await page.getByRole("button", { name: "Upload 4" }).click();
  await page.getByRole("dialog").getByText("Stored").first().waitFor();
  await page.waitForTimeout(1500);
  await take("uploading");
  await page.getByRole("button", { name: /^Pause: / }).first().click();
  await page.mouse.move(0, 0);
  await page.getByText("Paused").waitFor();
  await take("paused");
  away = true;
  await page.context().setOffline(true);
  for (const go of held) go();
  await page.getByText("Offline.").first().waitFor();
  await take("offline");
  await page.context().setOffline(false);
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await page.getByRole("alertdialog").waitFor();
  await take("uploading-asking");
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.unroute("**/multipart/part/**");
}

/** @param {Page} page @param {Take} take */
export async function inPage(page, take) {
  await page.getByLabel("Part of the page").check();
  await page.locator("#pick").click();
  await page.locator("#place").getByRole("region").waitFor();
  await page.evaluate(() => window.scrollTo(0, 0));
  await take("inline");
  await page.locator("#place").getByRole("button", { name: "My Device" }).click();
  await take("inline-device");
  await page.getByRole("button", { name: "Close the picker" }).click();
}

/** @param {Page} page @param {Take} take */
export async function pane(page, take) {
  await page.getByLabel("Drop pane").check();
  await page.locator("#pick").click();
  const place = page.locator("#place");
  await place.getByText("Select Files to Upload").waitFor();
  await page.evaluate(() => window.scrollTo(0, 0));
  await take("pane");
  await drag(page, "dragover");
  await take("pane-over");
  await drag(page, "dragleave");
  /** @type {(() => void)[]} */
  const held = [];
  await page.route("**/multipart/part/**", async (route) => {
    if (held.length < 2) await new Promise((resolve) => held.push(() => resolve(undefined)));
    await route.continue();
  });
  await place.locator("input").setInputFiles([plain("Voyage.mov", 16_000_000)]);
  await place.getByText("Uploading").waitFor();
  await page.waitForTimeout(1500);
  await take("pane-uploading");
  for (const go of held) go();
  await place.getByText("1 file stored").waitFor();
  await take("pane-done");
  await page.unroute("**/multipart/part/**");
  await page.getByLabel("Window").check();
}
