// The unmodified filestack-js loads the picker from our server, as if it were Filestack's; and
// filestack-react on top of it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DEMO, entry, files, inBrowser, signIn } from "./browser.mjs";
import { apikeyOf, serve, underCname } from "./hosts.mjs";

const modules = createRequire(import.meta.url);
const apikey = await apikeyOf(DEMO);
const tls = await underCname(DEMO);
const flags = [`--ignore-certificate-errors-spki-list=${tls.pin}`];
const head = `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>`;
const script = "text/javascript; charset=utf-8";

/** filestack-react and React in one file, as a page's own bundler would make it. */
async function reactBundle() {
  const vite = join(dirname(fileURLToPath(import.meta.url)), "../picker/node_modules/vite/dist/node/index.js");
  const { build } = await import(pathToFileURL(vite).href);
  const source = `
    import { createElement } from "react";
    import { createRoot } from "react-dom/client";
    import { PickerOverlay, PickerInline } from "filestack-react";
    const { apikey, cname, inline } = window.page;
    createRoot(document.querySelector("#root")).render(createElement(inline ? PickerInline : PickerOverlay, {
      apikey,
      clientOptions: { cname },
      pickerOptions: { fromSources: ["dropbox"] },
      onUploadDone: (result) => { window.result = result; },
    }));`;
  const built = await build({
    configFile: false, envDir: false, publicDir: false, logLevel: "error",
    root: dirname(fileURLToPath(import.meta.url)),
    define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
    plugins: [{ name: "page", resolveId: (/** @type {string} */ id) => (id === "page.js" ? join(dirname(fileURLToPath(import.meta.url)), "page.js") : null), load: (/** @type {string} */ id) => (id.endsWith("/page.js") ? source : null) }],
    build: { write: false, minify: false, rolldownOptions: { input: "page.js" } },
  });
  return built.output[0].code;
}

const pages = await serve({
  "/filestack.js": { body: readFileSync(modules.resolve("filestack-js/build/browser/filestack.min.js")), type: script },
  "/react.js": { body: await reactBundle(), type: script },
  "/": {
    body: `${head}<button id="pick">Pick</button><script src="/filestack.js"></script><script>
      const told = window.told = [];
      const tell = (name) => (...about) => void told.push([name, ...about.map((one) => one && one.filename)]);
      const client = filestack.init(${JSON.stringify(apikey)}, { cname: ${JSON.stringify(tls.cname)} });
      const picker = client.picker({
        fromSources: ["dropbox"], maxFiles: 3, accept: ["image/*", ".txt"], customText: { Upload: "Hoist" },
        onOpen: tell("onOpen"), onClose: tell("onClose"), onFileSelected: tell("onFileSelected"),
        onUploadStarted: tell("onUploadStarted"), onFileUploadStarted: tell("onFileUploadStarted"),
        onFileUploadFinished: tell("onFileUploadFinished"),
        onUploadDone: (result) => { told.push(["onUploadDone"]); window.result = result; },
      });
      document.querySelector("#pick").onclick = () => picker.open();
    </script>`,
  },
  "/device": {
    body: `${head}<p>A page</p><script src="/filestack.js"></script><script>
      const client = filestack.init(${JSON.stringify(apikey)}, { cname: ${JSON.stringify(tls.cname)} });
      client.picker({
        fromSources: ["local_file_system"], storeTo: { path: "in/" }, uploadConfig: { tags: { ship: "Anna" } },
        onUploadDone: (result) => { window.result = result; },
      }).open();
    </script>`,
  },
  "/pane": {
    body: `${head}<div id="pane"></div><script src="/filestack.js"></script><script>
      const told = window.told = [];
      const client = filestack.init(${JSON.stringify(apikey)}, { cname: ${JSON.stringify(tls.cname)} });
      const picker = window.picker = client.picker({
        displayMode: "dropPane", container: "pane", maxFiles: 5, accept: [".txt"],
        dropPane: {
          overlay: false, customText: "Stow your files here",
          onDragEnter: () => told.push(["onDragEnter"]), onDrop: () => told.push(["onDrop"]),
          onProgress: (percent) => { window.percent = percent; },
          onSuccess: (files) => told.push(["onSuccess", ...files.map((file) => file.filename)]),
          onError: (files) => told.push(["onError", ...files.map((file) => file.filename)]),
        },
      });
      picker.open();
    </script>`,
  },
  "/react": { body: `${head}<div id="root"></div><script>window.page = ${JSON.stringify({ apikey, cname: tls.cname })}</script><script type="module" src="/react.js"></script>` },
  "/inline": { body: `${head}<div id="root"></div><script>window.page = ${JSON.stringify({ apikey, cname: tls.cname, inline: true })}</script><script type="module" src="/react.js"></script>` },
});

/** @typedef {{told: [string, ...unknown[]][], result: import("../picker/src/result.js").PickResult}} Told */
/** @param {import("./browser.mjs").Page} page @returns {Promise<Told>} */
const told = (page) => page.evaluate(() => /** @type {any} */ ({ told: Reflect.get(window, "told"), result: Reflect.get(window, "result") }));

await inBrowser("foreign-filestack-js", async (context) => {
  const page = await context.newPage();
  await page.goto(pages.url);
  await page.locator("#pick").click();
  await signIn(page);
  // What is not accepted can be seen and not taken.
  await entry(page, "Documents").click();
  await entry(page, "Packing list.txt").click();
  await page.getByRole("button", { name: "Folder above" }).click();
  await entry(page, "Harbor at dawn.png").click();
  await page.getByRole("button", { name: "Hoist 2" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const { told: calls, result } = await told(page);
  assert.deepEqual(result.filesFailed, []);
  assert.deepEqual(result.filesUploaded.map((file) => file.originalPath).sort(), ["/Documents/Packing list.txt", "/Harbor at dawn.png"]);
  for (const file of result.filesUploaded) {
    for (const name of ["filename", "handle", "mimetype", "originalPath", "size", "source", "url", "uploadId", "status"]) {
      assert.ok(name in file, `${name} is missing`);
    }
  }
  const names = calls.map(([name]) => name);
  assert.deepEqual(names.slice(0, 4), ["onOpen", "onFileSelected", "onFileSelected", "onUploadStarted"]);
  assert.equal(names.filter((name) => name === "onFileUploadStarted").length, 2);
  assert.equal(names.filter((name) => name === "onFileUploadFinished").length, 2);
  assert.deepEqual(names.slice(-2), ["onUploadDone", "onClose"]);
  // Opened again it is connected, and closes without a result.
  await page.locator("#pick").click();
  await files(page).first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement?.id), "pick");
  assert.ok(tls.hosts.has("static") && tls.hosts.has("cloud"), [...tls.hosts].join());
}, { flags });

// Across origins: the browser asks before each kind of call, and lets the page see a part's ETag
// only if it is told that it may.
await inBrowser("foreign-filestack-js-device", async (context) => {
  const page = await context.newPage();
  await page.goto(`${pages.url}/device`);
  await page.locator("#fsp-fileUpload").setInputFiles([{ name: "log.txt", mimeType: "text/plain", buffer: Buffer.from("fair winds\n") }]);
  await page.getByRole("button", { name: "Upload", exact: true }).click();
  await page.waitForFunction(() => Reflect.get(window, "result"));
  const [file] = (await told(page)).result.filesUploaded;
  assert.deepEqual([file?.filename, file?.source, file?.status, file?.size], ["log.txt", "local_file_system", "Stored", 11]);
  assert.equal(await (await context.request.get(file?.url ?? "")).text(), "fair winds\n");
}, { flags });

await inBrowser("foreign-filestack-js-drop-pane", async (context) => {
  const page = await context.newPage();
  await page.goto(`${pages.url}/pane`);
  const pane = page.locator("#pane");
  await pane.getByText("Stow your files here").waitFor();
  const drop = async (/** @type {string[]} */ ...names) => {
    const dataTransfer = await page.evaluateHandle((names) => {
      const data = new DataTransfer();
      for (const name of names) data.items.add(new File([`in ${name}`], name, { type: name.endsWith(".txt") ? "text/plain" : "application/pdf" }));
      return data;
    }, names);
    for (const type of ["dragenter", "dragover", "drop"]) await pane.locator(".pane").dispatchEvent(type, { dataTransfer });
  };
  await drop("one.txt", "two.txt");
  await pane.getByText("2 files stored").waitFor();
  assert.deepEqual((await told(page)).told, [["onDragEnter"], ["onDrop"], ["onSuccess", "one.txt", "two.txt"]]);
  assert.equal(await page.evaluate(() => Reflect.get(window, "percent")), 100);
  // One that is not taken is told, the other is stored; one that fails is told to the page.
  await drop("three.pdf", "four.txt");
  await page.waitForFunction(() => Reflect.get(window, "told").some((/** @type {string[]} */ call) => call[1] === "four.txt"));
  await pane.getByText("File three.pdf is not an accepted file type").waitFor();
  await page.route("**/multipart/start", (route) => route.fulfill({ status: 507, headers: { "Access-Control-Allow-Origin": "*" }, json: { code: "storage-full", error: "the storage is full" } }));
  await drop("five.txt");
  await pane.getByText("The storage is full").waitFor();
  assert.deepEqual((await told(page)).told.at(-1), ["onError", "five.txt"]);
  await page.evaluate(() => Reflect.get(window, "picker").close());
  await page.waitForFunction(() => document.querySelector("#pane")?.children.length === 0);
}, { flags });

for (const way of ["react", "inline"]) {
  await inBrowser(`foreign-filestack-react-${way}`, async (context) => {
    const page = await context.newPage();
    await page.goto(`${pages.url}/${way}`);
    await signIn(page);
    await entry(page, "Welcome.txt").click();
    await page.getByRole("button", { name: "Upload", exact: true }).click();
    await page.waitForFunction(() => Reflect.get(window, "result"));
    const { result } = await told(page);
    assert.deepEqual(result.filesUploaded.map((file) => file.filename), ["Welcome.txt"]);
  }, { flags });
}

tls.close();
pages.close();
