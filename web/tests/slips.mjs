// Slips and races: Escape in the editor, a button that goes with its row, Upload pressed before the
// page has said no, a line that dies without a word, many photographs at once, names that lie.

import assert from "node:assert/strict";
import { DEMO, inBrowser, until } from "./browser.mjs";
import { apikeyOf, serve } from "./hosts.mjs";

/** @typedef {import("./browser.mjs").Page} Page */

const apikey = await apikeyOf(DEMO);
const pages = await serve({
  "/": {
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><script src="${DEMO}/longshore.js"></script><script>
      window.begin = (options) => void longshore.init(${JSON.stringify(apikey)}).pick({
        fromSources: ["local_file_system"],
        onFileSelected: (file) => window.answer && window.answer(file),
        ...options,
      }).then((result) => { window.result = result; });
    </script>`,
  },
});

/** @param {Page} tab @param {object} options */
async function open(tab, options) {
  await tab.goto(pages.url);
  await tab.evaluate((options) => (/** @type {any} */ (window).begin(options)), options);
  await tab.locator("#fsp-fileUpload").waitFor({ state: "attached" });
}

/** @param {Page} tab @returns {Promise<import("../picker/src/result.js").PickResult>} */
const result = async (tab) => (await tab.waitForFunction(() => Reflect.get(window, "result"))).jsonValue();
/** @param {string} name */
const file = (name) => ({ name, mimeType: "text/plain", buffer: Buffer.from(`in ${name}`) });
/** @param {Page} tab */
const focused = (tab) => tab.evaluate(() => {
  const active = document.activeElement?.shadowRoot?.activeElement;
  return active?.getAttribute("aria-label") ?? active?.textContent ?? "";
});

/** @param {Page} tab @param {number} width @param {number} height */
async function png(tab, width, height) {
  return Buffer.from(await tab.evaluate(([width, height]) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    canvas.getContext("2d")?.fillRect(0, 0, 10, 10);
    return canvas.toDataURL("image/png").split(",")[1] ?? "";
  }, [width, height]), "base64");
}

await inBrowser("slips-escape-and-focus", async (context) => {
  const tab = await context.newPage();
  await open(tab, { maxFiles: 5 });
  const picture = { name: "a.png", mimeType: "image/png", buffer: await png(tab, 60, 40) };
  await tab.locator("#fsp-fileUpload").setInputFiles([picture, file("b.txt"), file("c.txt")]);
  await tab.getByRole("button", { name: "Edit a.png" }).click();
  await tab.getByRole("button", { name: "Turn right" }).waitFor();
  await until("the editor has the focus", async () => (await focused(tab)) === "a.png");
  // Leaves the editor, and not the picker.
  await tab.keyboard.press("Escape");
  await tab.getByText("3 selected").waitFor();
  await tab.getByRole("button", { name: "Remove b.txt" }).press("Enter");
  await tab.getByText("2 selected").waitFor();
  assert.equal(await focused(tab), "Remove c.txt");
  await tab.keyboard.press("Enter");
  await tab.getByText("1 selected").waitFor();
  assert.equal(await focused(tab), "Remove a.png");
  /** @type {import("playwright-core").Route[]} */
  const held = [];
  await tab.route("**/multipart/complete", (route) => void held.push(route));
  await tab.getByRole("button", { name: "Upload", exact: true }).press("Enter");
  await until("what is on its way has the focus", async () => (await focused(tab)) === "Uploading");
  await until("it is about to be stored", async () => held.length === 1);
  await held[0]?.continue();
  assert.equal((await result(tab)).filesUploaded.length, 1);
});

await inBrowser("slips-upload-waits-for-the-pages-answer", async (context) => {
  const tab = await context.newPage();
  await open(tab, { maxFiles: 5 });
  await tab.evaluate(() => {
    const page = /** @type {any} */ (window);
    page.answer = (/** @type {{filename: string}} */ file) => new Promise((resolve, reject) => {
      page.say = () => (file.filename === "no.txt" ? reject(new Error("Not this one")) : resolve({ ...file, name: "renamed.txt" }));
    });
  });
  await tab.locator("#fsp-fileUpload").setInputFiles([file("no.txt"), file("yes.txt")]);
  await tab.getByRole("button", { name: "Upload 2" }).click({ force: true });
  await tab.evaluate(() => Reflect.get(window, "say")());
  await tab.getByRole("alert").getByText("Not this one").waitFor();
  await tab.evaluate(() => Reflect.get(window, "say")());
  const { filesUploaded } = await result(tab);
  assert.deepEqual(filesUploaded.map((one) => one.filename), ["renamed.txt"]);
  assert.equal(await (await context.request.get(filesUploaded[0]?.url ?? "")).text(), "in yes.txt");
});

await inBrowser("slips-a-line-that-dies-without-a-word", async (context) => {
  const tab = await context.newPage();
  await tab.clock.install();
  await open(tab, {});
  let asked = 0;
  await tab.route("**/multipart/part/**", async (route) => {
    if (route.request().method() === "PUT") asked += 1;
    // The first gets no answer, ever.
    if (asked !== 1) await route.continue();
  });
  await tab.locator("#fsp-fileUpload").setInputFiles([file("slow.txt")]);
  await tab.getByRole("button", { name: "Upload", exact: true }).click();
  await until("the part is on its way", async () => asked === 1);
  await tab.clock.fastForward("01:35");
  await tab.getByText("The server does not answer. This goes on by itself.").waitFor();
  await tab.clock.resume();
  assert.equal((await result(tab)).filesUploaded.length, 1);
  assert.equal(asked, 2);
});

await inBrowser("slips-given-up-while-paused", async (context) => {
  const tab = await context.newPage();
  await open(tab, { maxFiles: 2 });
  await tab.route("**/multipart/part/**", async (route) => {
    if ((route.request().postDataBuffer() ?? Buffer.of()).includes("in b.txt")) return;
    await route.continue();
  });
  await tab.locator("#fsp-fileUpload").setInputFiles([file("a.txt"), file("b.txt")]);
  await tab.getByRole("button", { name: "Upload 2" }).click();
  await tab.getByText("1 of 2 files stored").first().waitFor();
  await tab.getByRole("button", { name: "Pause: b.txt" }).click();
  await tab.getByText("Paused").waitFor();
  await tab.getByRole("button", { name: "Cancel: b.txt" }).click();
  // What is left is stored: the pick ends well.
  assert.deepEqual((await result(tab)).filesUploaded.map((one) => one.filename), ["a.txt"]);
});

await inBrowser("slips-many-photographs", async (context) => {
  const tab = await context.newPage();
  await tab.addInitScript(() => {
    const page = /** @type {any} */ (window);
    page.most = page.now = 0;
    const real = createImageBitmap;
    page.createImageBitmap = async (/** @type {any[]} */ ...about) => {
      page.most = Math.max(page.most, (page.now += 1));
      try {
        return await Reflect.apply(real, window, about);
      } finally {
        page.now -= 1;
      }
    };
  });
  await open(tab, { maxFiles: 30, concurrency: 20, imageMax: [100, 100] });
  const buffer = await png(tab, 1600, 1200);
  await tab.locator("#fsp-fileUpload").setInputFiles(Array.from({ length: 20 }, (_, at) => ({ name: `${at}.png`, mimeType: "image/png", buffer })));
  await tab.locator(".photo canvas").first().waitFor();
  await until("small pictures are drawn", async () => (await tab.locator(".photo canvas").first().evaluate((canvas) => /** @type {HTMLCanvasElement} */ (canvas).width)) === 192);
  await tab.getByRole("button", { name: "Upload 20" }).click();
  assert.equal((await result(tab)).filesUploaded.length, 20);
  const most = await tab.evaluate(() => Reflect.get(window, "most"));
  assert.ok(most <= 2, `${most} pictures were decoded at once`);
});

await inBrowser("slips-names-that-lie", async (context) => {
  const tab = await context.newPage();
  await open(tab, { accept: ".pdf" });
  await tab.locator("#fsp-fileUpload").setInputFiles([file("invoice\u202efdp.exe")]);
  await tab.getByRole("alert").getByText("invoice\ufffdfdp.exe is not an accepted file type").waitFor();
});

pages.close();
