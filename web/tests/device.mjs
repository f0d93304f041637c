// Files of the device: chosen, dropped, edited, uploaded in parts, stopped and gone on with; and
// files that a link leads to. What is stored is what was given.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { DEMO, inBrowser, onDisk, openDemo, until } from "./browser.mjs";

/** @typedef {import("playwright-core").Page} Page */

/**
 * Opens a picker of its own with these options; the result is kept in the page.
 * @param {Page} page
 * @param {Record<string, unknown>} options
 */
async function open(page, options) {
  await page.evaluate((options) => {
    const demo = /** @type {{longshore: {init(key: string, options: object): {pick(options: object): Promise<unknown>}}}} */ (/** @type {unknown} */ (window));
    const apikey = document.querySelector("#pick")?.getAttribute("data-apikey") ?? "";
    const kept = /** @type {{result?: unknown}} */ (/** @type {unknown} */ (window));
    delete kept.result;
    void demo.longshore.init(apikey, { url: location.origin }).pick(options).then((result) => (kept.result = result));
  }, { fromSources: ["local_file_system"], ...options });
  await page.getByRole("dialog").waitFor();
}

/**
 * @param {Page} page
 * @returns {Promise<{filesUploaded: {filename: string, handle: string, url: string, size: number, source: string, originalPath: string, mimetype: string, cropped?: object, rotated?: object}[], filesFailed: {filename: string}[]}>}
 */
async function result(page) {
  await page.waitForFunction(() => "result" in window);
  return page.evaluate(() => /** @type {any} */ (window).result);
}

/** @param {Buffer} bytes */
const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

const large = randomBytes(13_000_000);
/** @type {Record<string, Buffer>} */
const FILES = { "plan.txt": Buffer.from("north by northwest\n"), "large.bin": large };

/**
 * Files that are chosen in the browser's own dialog. A part is lost on its way once: it is sent
 * again.
 * @param {Page} page
 */
async function chosen(page) {
  await open(page, { maxFiles: 5, minFiles: 2, storeTo: { path: "device/" } });
  let lost = 0;
  await page.route("**/multipart/part/**", async (route) => {
    if (route.request().method() === "PUT" && lost === 0) {
      lost += 1;
      await route.abort("connectionreset");
    } else await route.continue();
  });
  await page.locator("#fsp-fileUpload").setInputFiles(onDisk(FILES));
  await page.getByText("Selected Files").waitFor();
  await page.getByRole("button", { name: "Upload 2" }).click();
  const { filesUploaded, filesFailed } = await result(page);
  await page.unroute("**/multipart/part/**");
  assert.equal(lost, 1);
  assert.deepEqual(filesFailed, []);
  assert.deepEqual(filesUploaded.map((file) => [file.filename, file.source, file.size]).sort(), [
    ["large.bin", "local_file_system", large.length],
    ["plan.txt", "local_file_system", 19],
  ]);
  for (const file of filesUploaded) {
    const stored = await page.context().request.get(file.url);
    assert.equal(stored.status(), 200);
    assert.equal(sha(await stored.body()), sha(FILES[file.filename] ?? Buffer.alloc(0)), file.filename);
  }
}

/**
 * A picture, red at the left and blue at the right, and a file that is none.
 * @param {Page} page
 */
function dropped(page) {
  return page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["no picture"], "notes.txt", { type: "text/plain" }));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [60, 40];
    const pen = canvas.getContext("2d");
    for (const [x, color] of /** @type {const} */ ([[0, "rgb(200 30 30)"], [30, "rgb(30 30 200)"]])) {
      if (!pen) continue;
      pen.fillStyle = color;
      pen.fillRect(x, 0, 30, 40);
    }
    const bytes = Uint8Array.from(atob(canvas.toDataURL("image/png").split(",")[1] ?? ""), (letter) => letter.charCodeAt(0));
    data.items.add(new File([bytes], "flag.png", { type: "image/png" }));
    return data;
  });
}

/**
 * The size of a stored picture, and its colors above and below.
 * @param {Page} page
 * @param {string} url
 */
function seen(page, url) {
  return page.evaluate(async (url) => {
    const picture = await createImageBitmap(await (await fetch(url)).blob());
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    const pen = canvas.getContext("2d");
    pen?.drawImage(picture, 0, 0);
    const color = (/** @type {number} */ y) => [...(pen?.getImageData(16, y, 1, 1).data ?? [])].slice(0, 3);
    return { size: [picture.width, picture.height], top: color(4), bottom: color(44) };
  }, url);
}

/**
 * Dropped, with one that is not accepted; turned, and a part of it kept.
 * @param {Page} page
 */
async function edited(page) {
  await open(page, { maxFiles: 3, accept: ["image/*"] });
  const dataTransfer = await dropped(page);
  const dialog = page.getByRole("dialog");
  await dialog.dispatchEvent("dragover", { dataTransfer });
  await page.getByText("Drop your files anywhere").last().waitFor();
  await dialog.dispatchEvent("drop", { dataTransfer });
  await page.getByRole("alert").getByText("notes.txt is not an accepted file type").waitFor();
  await page.getByRole("button", { name: "Edit flag.png" }).click();
  await page.getByRole("button", { name: "Crop…" }).click();
  await page.getByRole("group", { name: /The part that is kept/ }).waitFor();
  await page.getByRole("button", { name: "Turn right" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Selected Files").waitFor();
  await page.getByRole("button", { name: "Upload" }).click();
  const file = (await result(page)).filesUploaded[0];
  assert.ok(file);
  assert.deepEqual(file.rotated, { value: 90, direction: "CW" });
  assert.deepEqual(file.cropped, { cropArea: { position: [4, 6], size: [32, 48] }, originalImageSize: [40, 60] });
  assert.deepEqual(await seen(page, file.url), { size: [32, 48], top: [200, 30, 30], bottom: [30, 30, 200] });
}

/**
 * Stopped in the middle and gone on with: what has arrived is not sent again.
 * @param {Page} page
 */
async function paused(page) {
  await open(page, {});
  /** @type {string[]} */
  const asked = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/multipart/upload")) asked.push(String(request.postDataJSON().part));
  });
  await page.route("**/multipart/part/**", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await route.continue().catch(() => undefined);
  });
  const buffer = randomBytes(44_000_000);
  await page.locator("#fsp-fileUpload").setInputFiles(onDisk({ "long.bin": buffer }));
  await page.getByRole("button", { name: "Upload" }).click();
  await until("a second round of parts is on its way", async () => asked.length > 3);
  await page.getByRole("button", { name: "Pause: long.bin" }).click();
  await page.getByText("Paused").waitFor();
  await page.getByRole("button", { name: "Resume: long.bin" }).click();
  const file = (await result(page)).filesUploaded[0];
  assert.ok(file);
  assert.equal(sha(await (await page.context().request.get(file.url)).body()), sha(buffer));
  assert.ok(asked.length < 14, `parts asked for: ${asked.join(" ")}`);
}

/**
 * An address that leads nowhere is told; one that leads to a file is fetched by the server.
 * @param {Page} page
 */
async function linked(page) {
  await open(page, { fromSources: ["url"] });
  const field = page.getByLabel("Enter a URL");
  await field.fill("harbor");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("alert").getByText("This is not the address of a file").waitFor();
  await field.fill(`${DEMO}/icons/none-of-these.svg`);
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("404").first().waitFor();
  await field.fill(`${DEMO}/icons/pdf.svg`);
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("Selected Files").waitFor();
  await page.getByRole("button", { name: "Upload" }).click();
  const file = (await result(page)).filesUploaded[0];
  assert.ok(file);
  assert.deepEqual([file.filename, file.source, file.originalPath], ["pdf.svg", "url", `${DEMO}/icons/pdf.svg`]);
  const bytes = async (/** @type {string} */ url) => (await (await page.context().request.get(url)).body()).toString();
  assert.equal(await bytes(file.url), await bytes(`${DEMO}/icons/pdf.svg`));
}

/**
 * A place in the page takes files and sends them off at once, one drop after the other.
 * @param {Page} page
 */
async function intoPane(page) {
  await page.evaluate(() => {
    const place = document.createElement("div");
    place.id = "pane";
    document.body.prepend(place);
    const demo = /** @type {any} */ (window);
    demo.told = [];
    const client = demo.longshore.init(document.querySelector("#pick")?.getAttribute("data-apikey"));
    const dropPane = {
      onSuccess: (/** @type {{filename: string}[]} */ files) => demo.told.push(...files.map((file) => file.filename)),
      onProgress: (/** @type {number} */ percent) => (demo.percent = percent),
    };
    demo.pane = client.picker({ displayMode: "dropPane", container: "pane", maxFiles: 2, accept: [".txt"], dropPane });
    return demo.pane.open();
  });
  const pane = page.locator("#pane");
  const text = (/** @type {string} */ name) => ({ name, mimeType: "text/plain", buffer: Buffer.from(name) });
  for (const name of ["one.txt", "two.txt"]) {
    await pane.locator("input").setInputFiles([text(name)]);
    await page.waitForFunction((name) => /** @type {any} */ (window).told.includes(name), name);
    await pane.getByText("1 file stored").waitFor();
  }
  await pane.locator("input").setInputFiles([{ ...text("three.pdf"), mimeType: "application/pdf" }]);
  await pane.getByText("three.pdf is not an accepted file type").waitFor();
  assert.deepEqual(await page.evaluate(() => [/** @type {any} */ (window).told, /** @type {any} */ (window).percent]), [["one.txt", "two.txt"], 100]);
  await page.evaluate(() => /** @type {any} */ (window).pane.close());
  assert.equal(await pane.locator("> *").count(), 0);
}

await inBrowser("device", async (context) => {
  const page = await openDemo(context);
  await chosen(page);
  await edited(page);
  await paused(page);
  await linked(page);
  await intoPane(page);
});
