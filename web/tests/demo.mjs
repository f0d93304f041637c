// The demo offers every source and the main options; the code it shows is what happens; and its
// links lead to itself alone.

import assert from "node:assert/strict";
import { DEMO, inBrowser, openDemo, signIn, until } from "./browser.mjs";

/** @typedef {import("playwright-core").Page} Page */

/** @param {Page} page */
const code = (page) => page.locator("#code").innerText();

const text = (/** @type {string} */ name) => ({ name, mimeType: "text/plain", buffer: Buffer.from(name) });

/**
 * A file of each source in one pick: each is told of, and its webhook verified.
 * @param {Page} page
 */
async function everySource(page) {
  await page.locator("#pick").click();
  await signIn(page);
  await page.getByRole("option", { name: "Welcome.txt" }).click();
  await page.getByRole("button", { name: "My Device" }).click();
  await page.locator("#fsp-fileUpload").setInputFiles([text("oars.txt")]);
  await page.getByText("Selected Files").waitFor();
  await page.getByRole("button", { name: "Link (URL)" }).click();
  await page.getByLabel("Enter a URL").fill("http://10.0.0.1/report.pdf");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("alert").getByText("private network").waitFor();
  await page.getByLabel("Enter a URL").fill(`${DEMO}/demo/sea-chart.png`);
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("Selected Files").waitFor();
  await page.getByRole("button", { name: "Upload 3" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  for (const line of ["Copied Welcome.txt", "Uploaded oars.txt", "Fetched sea-chart.png"]) await page.getByText(line).waitFor();
  await page.locator(".webhook").filter({ hasText: "fp.upload" }).getByText("Both signatures verified").nth(2).waitFor();
  const { filesUploaded } = JSON.parse(await page.locator("#json").innerText());
  assert.deepEqual(filesUploaded.map((/** @type {{source: string}} */ file) => file.source).sort(), ["dropbox", "local_file_system", "url"]);
  assert.equal(await page.locator("#files a").count(), 3);
}

/**
 * What is chosen is written as code, and the code does what the button does.
 * @param {Page} page
 */
async function options(page) {
  assert.match(await code(page), /client\.pick\(\{\n\s+maxFiles: 20,\n/);
  await page.getByLabel("Link", { exact: true }).uncheck();
  await page.getByLabel("Dropbox", { exact: true }).uncheck();
  await page.getByLabel("Files at most").fill("3");
  await page.getByLabel("Accepted").selectOption("Pictures");
  await page.getByLabel("Colors").selectOption("Dark");
  await page.getByLabel("Language").selectOption("Deutsch");
  for (const line of ['fromSources: ["local_file_system"]', "maxFiles: 3", 'accept: "image/*"', 'theme: "dark"', 'lang: "de"']) {
    assert.ok((await code(page)).includes(`${line},\n`), `${line} in ${await code(page)}`);
  }
  const look = async () => {
    await page.getByRole("dialog").getByText("Dateien zum Hochladen wählen").waitFor();
    const seen = await page.getByRole("dialog").evaluate((dialog) => [getComputedStyle(dialog).backgroundColor, dialog.textContent]);
    await page.getByRole("button", { name: "Schließen" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    return seen;
  };
  await page.locator("#pick").click();
  const byButton = await look();
  assert.equal(byButton[0], "rgb(18, 24, 31)", "dark, though the page is light");
  await page.evaluate(`{ const button = {}, show = () => undefined; ${await code(page)}; void button.onclick(); }`);
  assert.deepEqual(await look(), byButton);
}

/**
 * A part of the page, and a drop pane: opened and closed by the same button.
 * @param {Page} page
 */
async function within(page) {
  await page.reload();
  await page.locator("#pick:enabled").waitFor();
  await page.getByLabel("Part of the page").check();
  assert.match(await code(page), /displayMode: "inline",\n\s+container: "place",/);
  await page.locator("#pick").click();
  await page.locator("#place").getByRole("region", { name: "Select Files to Upload" }).waitFor();
  await page.getByRole("button", { name: "Close the picker" }).click();
  await until("it is gone", async () => (await page.locator("#place > *").count()) === 0);

  await page.getByLabel("Drop pane").check();
  assert.ok(await page.getByLabel("Dropbox", { exact: true }).isDisabled());
  await page.locator("#pick").click();
  const pane = page.locator("#place");
  await pane.locator("input").setInputFiles([text("rudder.txt")]);
  await pane.getByText("1 file stored").waitFor();
  await page.getByText("Uploaded rudder.txt").waitFor();
  await page.locator("#files a", { hasText: "rudder.txt" }).waitFor();
  // Another choice closes what is open.
  await page.getByLabel("Window").check();
  await page.getByRole("button", { name: "Attach files" }).waitFor();
  assert.ok(await pane.isHidden());
}

await inBrowser("demo-without-picker", async (context) => {
  const page = await context.newPage();
  await page.route("**/longshore.js", (route) => route.fulfill({ status: 501, json: { code: "picker-missing" } }));
  await page.goto(`${DEMO}/demo`);
  await page.getByRole("alert").getByText("built without the picker").waitFor();
  assert.ok(await page.locator("#pick").isDisabled());
});

await inBrowser("demo", async (context) => {
  const page = await openDemo(context);
  await everySource(page);
  await options(page);
  await within(page);
});
