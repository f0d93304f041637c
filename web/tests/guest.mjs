// On pages of other people: hostile styles change nothing, a strict policy keeps nothing away, and
// the page is left as it was.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { DEMO, PICTURES, entry, files, inBrowser, signIn, until } from "./browser.mjs";
import { apikeyOf, serve } from "./hosts.mjs";

const apikey = await apikeyOf(DEMO);
const HOSTILE = `
  * { all: unset !important; display: block !important; font: 40px/3 fantasy !important; color: lime !important; letter-spacing: 9px !important;
      text-transform: uppercase !important; visibility: hidden !important; opacity: .1 !important; z-index: -1 !important; }
  button, input, dialog, div { display: none !important; transform: rotate(9deg) !important; }
  body > * { direction: rtl !important; }
  html { font-size: 40px !important; } body { filter: blur(4px) !important; zoom: 2; }
  ::backdrop { background: red !important; } [part] { display: none !important; }
  :root { --accent: red; --surface: red; --touch: 90px; }`;

/** @param {string} css @param {string} [nonce] */
const page = (css, nonce = "") => `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>
  ${css ? `<style>${css}</style>` : ""}<button id="pick">Pick</button>
  <script nonce="${nonce}" src="${DEMO}/longshore.js"></script><script nonce="${nonce}">
    window.client = longshore.init(${JSON.stringify(apikey)});
    window.begin = () => client.pick({ maxFiles: 5 }).then((result) => { window.result = result; });
    document.querySelector("#pick").onclick = begin;
  </script>`;

const pages = await serve({
  "/plain": { body: page("") },
  "/hostile": { body: page(HOSTILE) },
  "/strict": {
    body: page("", "n0nce"),
    headers: { "Content-Security-Policy": `default-src 'none'; script-src 'nonce-n0nce'; connect-src ${DEMO}; img-src ${DEMO}; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'` },
  },
});

/** What the picker looks like on a page: asking to connect, a folder, a grid with a file chosen. */
async function looks(/** @type {string} */ path) {
  /** @type {Buffer[]} */
  const pictures = [];
  await inBrowser(`guest${path.replace("/", "-")}`, async (context) => {
    const tab = await context.newPage();
    await tab.goto(pages.url + path);
    const take = async () => {
      await tab.mouse.move(2, 2);
      await tab.waitForTimeout(500);
      const box = await tab.locator("dialog > .frame").boundingBox();
      assert.ok(box);
      // Without the corners, behind which the page can be seen.
      const clip = { x: box.x + 10, y: box.y + 10, width: box.width - 20, height: box.height - 20 };
      pictures.push(await tab.screenshot({ clip, animations: "disabled", caret: "hide" }));
    };
    await tab.evaluate(() => void (/** @type {any} */ (globalThis).begin()));
    await tab.getByRole("button", { name: "Connect Dropbox" }).waitFor();
    await take();
    await signIn(tab);
    await take();
    await tab.getByRole("button", { name: "Show as grid" }).click();
    await entry(tab, "Welcome.txt").click();
    await take();
    await tab.getByRole("button", { name: "Close" }).click();
    await tab.getByRole("dialog").waitFor({ state: "detached" });
    // Nothing of it is left in the page.
    assert.deepEqual(await tab.evaluate(() => [document.body.children.length, document.adoptedStyleSheets.length, document.cookie, document.body.getAttribute("style")]), [3, 0, "", null]);
  });
  return pictures;
}

const plain = await looks("/plain");
const hostile = await looks("/hostile");
const names = ["connect", "folder", "grid"];
assert.equal(hostile.length, names.length);
await inBrowser("guest-same-picture", async (context) => {
  const tab = await context.newPage();
  for (const [index, name] of names.entries()) {
    const pair = [plain[index] ?? Buffer.of(), hostile[index] ?? Buffer.of()];
    // Looked at when they differ.
    writeFileSync(`${PICTURES}guest-plain-${name}.png`, pair[0] ?? "");
    writeFileSync(`${PICTURES}guest-hostile-${name}.png`, pair[1] ?? "");
    const { size, differing } = await tab.evaluate(compare, pair.map((picture) => picture.toString("base64")));
    console.log(`${name}: ${differing} of ${size} points differ`);
    // Edges of letters may be drawn a shade otherwise on another layer; nothing else may differ.
    assert.ok(size > 400_000 && differing < size / 1000, `${name} looks otherwise on a page with hostile styles`);
  }
});

/** How many points of two pictures differ. @param {string[]} pair */
async function compare(pair) {
  const points = await Promise.all(pair.map(async (picture) => {
    const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    canvas?.drawImage(bitmap, 0, 0);
    return canvas?.getImageData(0, 0, bitmap.width, bitmap.height).data ?? new Uint8ClampedArray();
  }));
  const [a, b] = [points[0] ?? [], points[1] ?? []];
  if (a.length !== b.length) return { size: 0, differing: Infinity };
  let differing = 0;
  for (let at = 0; at < a.length; at += 4) {
    if (a[at] !== b[at] || a[at + 1] !== b[at + 1] || a[at + 2] !== b[at + 2]) differing += 1;
  }
  return { size: a.length / 4, differing };
}

await inBrowser("guest-strict-policy", async (context) => {
  const tab = await context.newPage();
  await tab.goto(`${pages.url}/strict`);
  await tab.locator("#pick").click();
  await signIn(tab);
  await until("pictures are shown", () => tab.locator(".photo img").first().evaluate((image) => /** @type {HTMLImageElement} */ (image).naturalWidth > 0));
  await entry(tab, "Welcome.txt").click();
  await tab.getByRole("button", { name: "Upload", exact: true }).click();
  await tab.getByRole("dialog").waitFor({ state: "detached" });
  const result = await tab.evaluate(() => Reflect.get(window, "result"));
  assert.equal(result.filesUploaded.length, 1);
});

await inBrowser("guest-loads-once-and-forgets-a-failed-load", async (context) => {
  const tab = await context.newPage();
  let asked = 0;
  await tab.route("**/widget-*.js", (route) => {
    asked += 1;
    return asked === 1 ? route.abort() : route.continue();
  });
  await tab.goto(`${pages.url}/plain`);
  const failed = await tab.evaluate(() => /** @type {any} */ (globalThis).client.pick().then(() => "", (/** @type {Error} */ error) => error.message));
  assert.match(failed, /could not be loaded/);
  await tab.locator("#pick").click();
  await tab.getByRole("button", { name: "Connect Dropbox" }).waitFor();
  // A second call while it is open answers the same pick.
  await tab.evaluate(() => void (/** @type {any} */ (globalThis).begin()));
  assert.equal(await tab.getByRole("dialog").count(), 1);
  assert.match(await tab.evaluate(() => /** @type {any} */ (globalThis).client.saveAs("h").catch((/** @type {Error} */ error) => error.message)), /not served yet/);
  assert.equal(await files(tab).count(), 0);
});
pages.close();
