// The examples of docs/picker.md and docs/recipes.md, as they are written there, in pages of their own: only the
// address of the server and the key are put in.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DEMO, inBrowser, signIn } from "./browser.mjs";
import { apikeyOf, serve, underCname } from "./hosts.mjs";

/** @typedef {import("playwright-core").Page} Page */

const here = dirname(fileURLToPath(import.meta.url));
const picker = join(here, "../picker");
const apikey = await apikeyOf(DEMO);
const tls = await underCname(DEMO);
const document = ["picker", "recipes"].map((name) => readFileSync(join(here, `../../docs/${name}.md`), "utf8")).join("\n");
const scratch = mkdtempSync(join(here, "snippets-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
execFileSync(process.execPath, [join(picker, "build.mjs"), "npm", join(scratch, "npm")], { stdio: "pipe" });

/**
 * The example in this language that holds these words.
 * @param {string} language
 * @param {string} words
 */
function example(language, words) {
  const all = document.split(`\`\`\`${language}\n`).slice(1).map((rest) => rest.split("\n```")[0] ?? "");
  const found = all.filter((code) => code.includes(words));
  assert.equal(found.length, 1, `${language} with ${words}`);
  return (found[0] ?? "").replaceAll("YOUR_APIKEY", apikey).replaceAll("https://files.example.com", DEMO).replaceAll("files.example.com", tls.cname);
}

/**
 * A module as a page's own bundler makes it.
 * @param {string} code
 */
async function bundled(code) {
  const { build } = await import(pathToFileURL(join(picker, "node_modules/vite/dist/node/index.js")).href);
  const input = join(scratch, "page.jsx");
  writeFileSync(input, code);
  const npm = (/** @type {string} */ name) => join(scratch, "npm", `${name}.js`);
  const built = await build({
    configFile: false, envDir: false, publicDir: false, logLevel: "error", root: here,
    define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
    oxc: { jsx: { runtime: "automatic", importSource: "react" } },
    resolve: { alias: [
      { find: /^longshore-picker$/, replacement: npm("index") },
      { find: /^longshore-picker\/(element|react)$/, replacement: npm("$1") },
    ] },
    build: { write: false, minify: false, target: "es2022", rolldownOptions: { input, output: { codeSplitting: false } } },
  });
  return built.output[0].code;
}

const head = `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><div id="root"></div>`;
const render = `import { createRoot } from "react-dom/client";\nconst root = createRoot(document.querySelector("#root"));\n`;
const element = example("html", "longshore-picker/element");
const filestackReact = example("jsx", "filestack-react");
const attach = example("jsx", "longshore-picker/react");
const modules = {
  element: /import "longshore-picker\/element";/.exec(element)?.[0] ?? "",
  npm: example("js", "longshore-picker"),
  filestack: example("js", "filestack-js"),
  filestackReact: `${render}${filestackReact.replace(/^</m, "root.render(<")});`,
  react: `${render}${attach}\nroot.render(<Attach />);`,
};
/** @type {Record<string, import("./hosts.mjs").Answer>} */
const pages = {
  "/loader": { body: head + example("html", 'id="pick"') },
  "/plain": { body: head + example("html", "Attach a receipt") },
};
for (const [name, code] of Object.entries(modules)) {
  pages[`/${name}.js`] = { body: await bundled(code), type: "text/javascript; charset=utf-8" };
  const around = name === "element" ? element.replace(/<script.*<\/script>/, "") : "";
  pages[`/${name}`] = { body: `${head}${around}<script type="module" src="/${name}.js"></script>` };
}
const served = await serve(pages);
const flags = [`--ignore-certificate-errors-spki-list=${tls.pin}`];

/** Which picker is there, after what has to be pressed. @type {Record<string, (page: Page) => Promise<unknown>>} */
const opened = {
  loader: (page) => page.getByRole("button", { name: "Pick a file" }).click(),
  plain: (page) => page.getByRole("button", { name: "Attach a receipt" }).click(),
  react: (page) => page.getByRole("button", { name: "Attach files" }).click(),
};
for (const name of ["loader", "plain", ...Object.keys(modules)]) {
  await inBrowser(`snippets-${name}`, async (context) => {
    const page = await context.newPage();
    await page.goto(`${served.url}/${name}`);
    await opened[name]?.(page);
    await page.getByRole(name === "element" ? "region" : "dialog").waitFor();
    await signIn(page);
    await page.locator("[role=option]").filter({ hasText: "Welcome.txt" }).click();
    await page.getByRole("button", { name: "Upload", exact: true }).click();
    await page.getByRole(name === "element" ? "region" : "dialog").waitFor({ state: "detached" });
    if (name === "plain") assert.match(await page.locator("[name=receipt]").inputValue(), /^[A-Za-z0-9]{20}$/);
    if (name === "react" || name === "plain") await page.getByText("Welcome.txt").waitFor();
  }, { flags });
}

tls.close();
served.close();
