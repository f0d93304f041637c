// Files of the device that come in other ways: pasted, dropped as folders, photographed; and
// pictures that are brought to a size or freed of what the camera wrote, looked at byte by byte.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEMO, inBrowser } from "./browser.mjs";
import { apikeyOf, serve } from "./hosts.mjs";

/** @typedef {import("./browser.mjs").Page} Page */

/** Where a photograph was taken, as its camera wrote it. */
const SECRET = "Anchored off Hidden Cove";
const apikey = await apikeyOf(DEMO);
const pages = await serve({
  "/": {
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><script src="${DEMO}/longshore.js"></script><script>
      window.begin = (options) => void longshore.init(${JSON.stringify(apikey)}).pick({ fromSources: ["local_file_system"], ...options }).then((result) => { window.result = result; });
    </script>`,
  },
});

/** @param {Page} tab @param {object} options */
async function open(tab, options) {
  await tab.goto(pages.url);
  await tab.evaluate((options) => (/** @type {any} */ (window).begin(options)), options);
  await tab.locator("#fsp-fileUpload").waitFor({ state: "attached" });
}

/** @param {Page} tab */
async function upload(tab) {
  await tab.getByRole("button", { name: /^Upload( \d+)?$/ }).click();
  /** @type {import("../picker/src/result.js").PickResult} */
  const { filesUploaded, filesFailed } = await (await tab.waitForFunction(() => Reflect.get(window, "result"))).jsonValue();
  assert.deepEqual(filesFailed, []);
  return Promise.all(filesUploaded.map(async (file) => ({ ...file, bytes: await (await tab.context().request.get(file.url ?? "")).body() })));
}

await inBrowser("given-pasted-pictures", async (context) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const tab = await context.newPage();
  await open(tab, { maxFiles: 3 });
  // A screenshot, by the clipboard itself.
  await tab.evaluate(async () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [30, 20];
    canvas.getContext("2d")?.fillRect(0, 0, 30, 20);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
  });
  await tab.keyboard.press("Control+V");
  await tab.getByText("Selected Files").waitFor();
  await tab.getByText("image.png").waitFor();
  // Files, as a file manager puts them there.
  await tab.evaluate(() => {
    const clipboardData = new DataTransfer();
    for (const name of ["one.txt", "two.txt"]) clipboardData.items.add(new File([name], name, { type: "text/plain" }));
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  });
  await tab.getByText("3 selected").waitFor();
  const stored = await upload(tab);
  assert.deepEqual(stored.map((file) => file.filename), ["image.png", "one.txt", "two.txt"]);
  assert.equal(stored[1]?.bytes.toString(), "one.txt");
  assert.deepEqual([stored[0]?.bytes.readUInt32BE(16), stored[0]?.bytes.readUInt32BE(20)], [30, 20]);
});

await inBrowser("given-a-text-is-no-file", async (context) => {
  const tab = await context.newPage();
  await open(tab, { maxFiles: 3 });
  const prevented = await tab.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", "only words");
    return !document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  });
  assert.equal(prevented, false, "the page's own pasting is left alone");
  assert.equal(await tab.getByText("Selected Files").count(), 0);
});

await inBrowser("given-a-dropped-folder", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-drop-"));
  mkdirSync(join(folder, "Voyage/log/deep"), { recursive: true });
  mkdirSync(join(folder, "Voyage/empty"));
  const files = { "Voyage/map.txt": "map", "Voyage/log/day 1.txt": "calm", "Voyage/log/deep/day 2.txt": "storm" };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  // More than a browser hands out of a folder at a time.
  for (let at = 0; at < 120; at += 1) writeFileSync(join(folder, `Voyage/log/leaf ${at}.md`), String(at));
  const tab = await context.newPage();
  await open(tab, { maxFiles: 200 });
  const input = await context.newCDPSession(tab);
  const box = await tab.getByRole("dialog").boundingBox();
  assert.ok(box);
  const data = { items: [], files: [join(folder, "Voyage")], dragOperationsMask: 1 };
  for (const type of /** @type {const} */ (["dragEnter", "dragOver"])) {
    await input.send("Input.dispatchDragEvent", { type, x: box.x + 400, y: box.y + 300, data });
  }
  await input.send("Input.dispatchDragEvent", { type: "drop", x: box.x + 400, y: box.y + 300, data });
  await tab.getByText("123 selected").waitFor();
  const stored = await upload(tab);
  rmSync(folder, { recursive: true, force: true });
  const paths = Object.fromEntries(stored.filter((file) => file.filename.endsWith(".txt")).map((file) => [file.originalPath, file.bytes.toString()]));
  assert.deepEqual(paths, files);
  assert.equal(stored.length, 123);
});

await inBrowser("given-a-photograph", async (context) => {
  const tab = await context.newPage();
  await open(tab, { maxFiles: 2, accept: "image/*" });
  const choosing = tab.waitForEvent("filechooser");
  await tab.getByRole("button", { name: "Take Photo" }).click();
  const chooser = await choosing;
  assert.deepEqual(await chooser.element().evaluate((input) => (input instanceof HTMLInputElement ? [input.getAttribute("capture"), input.accept] : [])), ["environment", "image/*"]);
  await chooser.setFiles([{ name: "IMG_1.jpg", mimeType: "image/jpeg", buffer: await photograph(tab) }]);
  await tab.getByText("IMG_1.jpg").waitFor();
  assert.deepEqual((await upload(tab)).map((file) => [file.filename, file.mimetype]), [["IMG_1.jpg", "image/jpeg"]]);
}, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

// ---- Pictures, byte by byte ----

/**
 * A JPEG of 80 by 40 that says that it is to be turned to the right (orientation 6): it is seen as
 * 40 by 80. In its Exif and in a comment stands where it was taken.
 * @param {Page} tab
 */
async function photograph(tab) {
  const plain = Buffer.from(await tab.evaluate(() => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [80, 40];
    const pen = canvas.getContext("2d");
    if (pen) pen.fillStyle = "rgb(30 90 150)";
    pen?.fillRect(0, 0, 80, 40);
    return canvas.toDataURL("image/jpeg").split(",")[1] ?? "";
  }), "base64");
  const text = Buffer.from(`${SECRET}\0`);
  const tiff = Buffer.alloc(8 + 2 + 2 * 12 + 4);
  tiff.write("MM\0*", 0, "latin1");
  tiff.writeUInt32BE(8, 4);
  tiff.writeUInt16BE(2, 8);
  // ImageDescription, a text behind the table; Orientation, 6.
  entryOf(tiff, 10, 0x010e, 2, text.length, tiff.length);
  entryOf(tiff, 22, 0x0112, 3, 1, 6 << 16);
  const exif = segment(0xe1, Buffer.concat([Buffer.from("Exif\0\0"), tiff, text]));
  return Buffer.concat([plain.subarray(0, 2), exif, segment(0xfe, text), plain.subarray(2)]);
}

/** @param {Buffer} table @param {number} at @param {number} tag @param {number} type @param {number} count @param {number} value */
function entryOf(table, at, tag, type, count, value) {
  table.writeUInt16BE(tag, at);
  table.writeUInt16BE(type, at + 2);
  table.writeUInt32BE(count, at + 4);
  table.writeUInt32BE(value, at + 8);
}

/** @param {number} marker @param {Buffer} bytes */
function segment(marker, bytes) {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(bytes.length + 2, 2);
  return Buffer.concat([head, bytes]);
}

/** What a JPEG says of itself: its size as stored, and its orientation. @param {Buffer} bytes */
function readJpeg(bytes) {
  assert.equal(bytes.readUInt16BE(0), 0xffd8, "it is no JPEG");
  let [size, orientation] = [/** @type {number[]} */ ([]), 0];
  for (let at = 2; size.length === 0; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xe1 && bytes.toString("latin1", at + 4, at + 8) === "Exif") {
      const tiff = bytes.subarray(at + 10);
      const little = tiff.toString("latin1", 0, 2) === "II";
      const short = (/** @type {number} */ from) => (little ? tiff.readUInt16LE(from) : tiff.readUInt16BE(from));
      const table = little ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
      for (let place = table + 2; place < table + 2 + 12 * short(table); place += 12) if (short(place) === 0x0112) orientation = short(place + 8);
    }
    // A start of frame, of whatever kind.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) size = [bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)];
  }
  return { size, orientation, secret: bytes.includes(SECRET) };
}

/** @type {[string, object, {size: number[], orientation: number, secret: boolean}][]} */
const WISHES = [
  ["nothing", {}, { size: [80, 40], orientation: 6, secret: true }],
  ["clean", { cleanupImageExif: true }, { size: [80, 40], orientation: 6, secret: false }],
  ["clean, and without its turn", { cleanupImageExif: { keepOrientation: false } }, { size: [80, 40], orientation: 0, secret: false }],
  ["at most", { imageMax: [20, 20] }, { size: [10, 20], orientation: 0, secret: false }],
  ["at most, and it is smaller", { imageMax: [200, 200] }, { size: [80, 40], orientation: 6, secret: true }],
  ["at least", { imageMin: [100, null] }, { size: [100, 200], orientation: 0, secret: false }],
  ["just so", { imageDim: [null, 60] }, { size: [30, 60], orientation: 0, secret: false }],
  ["at most, and clean", { imageMax: [200, 200], cleanupImageExif: true }, { size: [80, 40], orientation: 6, secret: false }],
  ["within limits, which it is", { imageMinMaxBlock: true, imageMax: [40, 80], imageMin: [40, 80] }, { size: [80, 40], orientation: 6, secret: true }],
];

await inBrowser("given-pictures-byte-by-byte", async (context) => {
  const tab = await context.newPage();
  for (const [what, options, wanted] of WISHES) {
    await open(tab, options);
    const buffer = await photograph(tab);
    await tab.locator("#fsp-fileUpload").setInputFiles([{ name: "IMG_2.jpg", mimeType: "image/jpeg", buffer }]);
    await tab.getByText("Selected Files").waitFor();
    const [file] = await upload(tab);
    assert.ok(file);
    assert.deepEqual(readJpeg(file.bytes), wanted, what);
    assert.equal(file.size, file.bytes.length, what);
    const same = createHash("md5").update(file.bytes).digest("hex") === createHash("md5").update(buffer).digest("hex");
    assert.equal(same, wanted.secret, `${what}: untouched where there is nothing to do`);
  }
  for (const options of [{ imageMax: [39, null] }, { imageMin: [null, 81] }]) {
    await open(tab, { ...options, imageMinMaxBlock: true });
    await tab.locator("#fsp-fileUpload").setInputFiles([{ name: "IMG_3.jpg", mimeType: "image/jpeg", buffer: await photograph(tab) }]);
    await tab.getByRole("alert").getByText("IMG_3.jpg does not have the size that is asked for").waitFor();
    assert.equal(await tab.getByText("Selected Files").count(), 0);
  }
});

pages.close();
