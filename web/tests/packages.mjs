// The npm package as somebody installs it: packed, unpacked, bundled with a page; as element and
// in React, whose strict mode makes everything twice.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DEMO, entry, inBrowser, signIn } from "./browser.mjs";
import { apikeyOf, serve } from "./hosts.mjs";

const apikey = await apikeyOf(DEMO);
const web = fileURLToPath(new URL("..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "longshore-package-"));

/** Packs the package in a copy and installs it for a page. */
function install() {
  const source = join(scratch, "web/picker");
  mkdirSync(source, { recursive: true });
  for (const name of ["src", "build.mjs", "package.json", "tsconfig.json", "tsconfig.types.json"]) {
    cpSync(join(web, "picker", name), join(source, name), { recursive: true });
  }
  symlinkSync(join(web, "picker/node_modules"), join(source, "node_modules"));
  symlinkSync(join(web, "node_modules"), join(scratch, "web/node_modules"));
  const bin = join(web, "node_modules/.bin");
  execFileSync("npm", ["pack", "--silent", "--pack-destination", scratch], { cwd: source, stdio: "pipe", env: { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` } });
  const home = join(scratch, "page/node_modules/longshore-picker");
  mkdirSync(home, { recursive: true });
  execFileSync("sh", ["-c", `tar -xzf "$1"/longshore-picker-*.tgz -C "$2" --strip-components=1`, "sh", scratch, home]);
  for (const name of ["react", "react-dom", "scheduler", "loose-envify", "js-tokens"]) {
    symlinkSync(join(web, "node_modules", name), join(scratch, "page/node_modules", name));
  }
}

/** A page's own script, bundled as its own bundler would. @param {string} source */
async function bundled(source) {
  const { build } = await import(pathToFileURL(join(web, "picker/node_modules/vite/dist/node/index.js")).href);
  const root = join(scratch, "page");
  writeFileSync(join(root, "page.js"), source);
  const built = await build({
    root, configFile: false, envDir: false, publicDir: false, logLevel: "error",
    // Strict mode does its work while one develops.
    define: { "process.env.NODE_ENV": '"development"' },
    build: { write: false, minify: false, modulePreload: false, rolldownOptions: { input: join(root, "page.js"), output: { entryFileNames: "page.js", chunkFileNames: "[name].js" } } },
  });
  return Object.fromEntries(built.output.map((/** @type {{fileName: string, code: string}} */ one) => [one.fileName, one.code]));
}

install();
const about = JSON.stringify({ apikey, url: DEMO });
const element = await bundled(`import "longshore-picker/element";`);
const react = await bundled(`
  import { createElement, StrictMode, useState } from "react";
  import { createRoot } from "react-dom/client";
  import { PickerInline, PickerOverlay } from "longshore-picker/react";
  const Kind = location.search === "?inline" ? PickerInline : PickerOverlay;
  function Page() {
    const [count, setCount] = useState(0);
    const [open, setOpen] = useState(true);
    window.leave = () => setOpen(false);
    window.count = () => setCount((count) => count + 1);
    return open && createElement(Kind, { ...${about}, maxFiles: 3, onUploadDone: (result) => { window.result = result; window.seen = count; } });
  }
  createRoot(document.querySelector("#root")).render(createElement(StrictMode, null, createElement(Page)));`);

const head = `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>`;
/** @param {string} below @param {Record<string, string>} files */
const scripts = (below, files) => Object.fromEntries(Object.entries(files).map(([name, body]) => [`/${below}/${name}`, { body, type: "text/javascript; charset=utf-8" }]));
const pages = await serve({
  ...scripts("element", element),
  ...scripts("react", react),
  "/element": {
    body: `${head}<longshore-picker apikey="${apikey}" url="${DEMO}" max-files="2" accept=".txt" style="height: 500px"></longshore-picker>
      <script>
        window.told = [];
        const place = document.querySelector("longshore-picker");
        for (const name of ["picked", "closed"]) place.addEventListener(name, (event) => told.push([name, event.detail]));
      </script><script type="module" src="/element/page.js"></script>`,
  },
  "/react": { body: `${head}<div id="root"></div><script type="module" src="/react/page.js"></script>` },
});

await inBrowser("packages-element", async (context) => {
  const tab = await context.newPage();
  await tab.goto(`${pages.url}/element`);
  await signIn(tab);
  await entry(tab, "Welcome.txt").click();
  // Its attributes are options.
  await entry(tab, "Harbor at dawn.png").click({ force: true });
  await tab.getByRole("alert").getByText("The accepted file types are .txt").waitFor();
  await tab.getByRole("button", { name: "Upload", exact: true }).click();
  await tab.waitForFunction(() => Reflect.get(window, "told").length === 2);
  const told = await tab.evaluate(() => Reflect.get(window, "told"));
  assert.deepEqual([told[0][0], told[0][1].filesUploaded.map((/** @type {{filename: string}} */ file) => file.filename)], ["picked", ["Welcome.txt"]]);
  assert.equal(told[1][0], "closed");
  const place = tab.locator("longshore-picker");
  assert.equal(await place.locator("> *").count(), 0);
  // Opened again by hand, it is connected; taken out of the page, it leaves nothing.
  await place.evaluate((/** @type {any} */ place) => place.open());
  await entry(tab, "Welcome.txt").waitFor();
  await tab.evaluate(() => {
    const place = /** @type {any} */ (document.querySelector("longshore-picker"));
    Reflect.set(window, "place", place);
    place.remove();
  });
  await tab.waitForFunction(() => Reflect.get(window, "place").children.length === 0);
  // Put back, it is there again, once.
  await tab.evaluate(() => document.body.append(Reflect.get(window, "place")));
  await entry(tab, "Welcome.txt").waitFor();
  assert.equal(await place.locator("> *").count(), 1);
});

for (const kind of ["overlay", "inline"]) {
  await inBrowser(`packages-react-${kind}`, async (context) => {
    const tab = await context.newPage();
    await tab.goto(`${pages.url}/react?${kind}`);
    await signIn(tab);
    assert.equal(await tab.locator("#__filestack-picker").count(), 1, "one picker, although made twice");
    // The page is drawn anew meanwhile: its latest function is called.
    await tab.evaluate(() => Reflect.get(window, "count")());
    await entry(tab, "Welcome.txt").click();
    await tab.getByRole("button", { name: "Upload", exact: true }).click();
    await tab.waitForFunction(() => Reflect.get(window, "result"));
    assert.deepEqual(await tab.evaluate(() => [Reflect.get(window, "result").filesUploaded[0].filename, Reflect.get(window, "seen")]), ["Welcome.txt", 1]);
    await tab.reload();
    await entry(tab, "Welcome.txt").waitFor();
    await tab.evaluate(() => Reflect.get(window, "leave")());
    await tab.locator("#__filestack-picker").waitFor({ state: "detached" });
  });
}

pages.close();
rmSync(scratch, { recursive: true, force: true });
