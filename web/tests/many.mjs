// A folder of 100,000 entries: it comes in while it is looked at, scrolls smoothly, is sorted and
// searched by letters, and takes no more memory than it should.

import assert from "node:assert/strict";
import { connect, entry, files, inBrowser, openDemo, until } from "./browser.mjs";

const ENTRIES = 100_000;
const PAGE = 2_000;
/** Frames in a second at least, and bytes of JavaScript's heap at most. */
const FRAMES = 50;
const HEAP = 150_000_000;

/** @param {number} from */
function contents(from) {
  return Array.from({ length: PAGE }, (_, step) => {
    // In no order of names, as Dropbox lists.
    const number = ((from + step) * 7919) % ENTRIES;
    const name = `picture ${number}.jpg`;
    return {
      name, path: `/Many/${name}`, folder: false, mimetype: "image/jpeg", bytes: number, size: "", id: `id:${number}`,
      thumbnail: `/icons/image.svg?${"x".repeat(180)}${number}`, thumb_exists: true, modified: "2026-03-01T10:00:00Z", downloadable: true,
    };
  });
}

await inBrowser("many", async (context) => {
  const page = await openDemo(context);
  await connect(page);
  let asked = 0;
  await page.route("**/folder/list", async (route) => {
    const { clouds } = JSON.parse(route.request().postData() ?? "{}");
    if (!clouds.dropbox.path.startsWith("/Documents")) return route.continue();
    asked += 1;
    const from = Number(clouds.dropbox.next || 0);
    const next = from + PAGE < ENTRIES ? String(from + PAGE) : "";
    await route.fulfill({ json: { dropbox: { client: "dropbox", filename: "Many", contents: contents(from), next } } });
  });
  const session = await context.newCDPSession(page);
  await entry(page, "Documents").click();
  await files(page).filter({ hasText: "picture" }).first().waitFor();
  const begun = Date.now();
  await until("all pages are there", async () => asked === ENTRIES / PAGE && (await files(page).first().getAttribute("aria-setsize")) === String(ENTRIES), 60_000);
  console.log(`many: ${ENTRIES} entries in ${asked} pages after ${Date.now() - begun} ms`);
  assert.equal(await files(page).first().locator("bdi").innerText(), "picture 0.jpg", "in the order of names");
  assert.ok((await files(page).count()) < 60, "only what is in sight is drawn");

  const plain = await page.evaluate(scrolling, true);
  const list = await page.evaluate(scrolling, false);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  console.log(`many: ${list.toFixed(1)} frames a second, a plain text beside it ${plain.toFixed(1)}, ${(usedSize / 1e6).toFixed(0)} MB of heap`);
  // Where the machine has other work, plain text does not scroll smoothly either.
  assert.ok(list >= Math.min(FRAMES, plain * 0.8), `${list} frames a second`);
  assert.ok(usedSize <= HEAP, `${usedSize} bytes of heap`);

  // To the end and by letters, without drawing what lies between.
  await page.getByRole("listbox").focus();
  await page.keyboard.press("End");
  await files(page).filter({ hasText: "picture 99999.jpg" }).waitFor();
  await page.keyboard.type("picture 5000.");
  await page.locator(".at bdi", { hasText: "picture 5000.jpg" }).waitFor();
  await page.getByRole("button", { name: "Sort by Size" }).click();
  await page.keyboard.press("Home");
  await page.getByRole("listbox").focus();
  await page.keyboard.press("Home");
  await page.locator(".at bdi", { hasText: "picture 99999.jpg" }).waitFor();
  await page.getByRole("button", { name: "Show as grid" }).click();
  await page.getByRole("listbox").focus();
  await page.keyboard.press("End");
  await files(page).filter({ hasText: "picture 0.jpg" }).waitFor();
});

/**
 * Frames in a second while a list, or a plain text as high, is scrolled.
 * @param {boolean} plain
 */
async function scrolling(plain) {
  const picker = document.querySelector("#__filestack-picker")?.shadowRoot;
  const list = picker?.querySelector("[role=listbox]");
  if (!list?.parentElement) throw new Error("no list");
  const text = document.createElement("div");
  const scroller = plain ? text : list;
  if (plain) {
    const lines = document.createElement("pre");
    lines.textContent = "A line of text that says nothing.\n\n".repeat(9000);
    text.append(lines);
    list.parentElement.append(text);
    text.style.cssText = "position: absolute; inset: 36px 0 0; overflow: auto; background: var(--surface)";
  }
  let count = 0;
  const begin = performance.now();
  let last = begin;
  while (last - begin < 3000) {
    last = await new Promise(requestAnimationFrame);
    count += 1;
    scroller.scrollTop += 90;
  }
  text.remove();
  return (count * 1000) / (last - begin);
}
