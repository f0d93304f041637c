// A browser for the tests: Chromium as it comes with the system, each time with nothing kept.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContext} Context */

/** Where pictures go. */
export const PICTURES = fileURLToPath(new URL("../../target/screenshots/", import.meta.url));

/** The demo's address, given by whoever started it. */
export const DEMO = process.argv[2] ?? "http://127.0.0.1:8080";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Runs a test in a fresh browser. What fails leaves a picture.
 * @param {string} name
 * @param {(context: Context) => Promise<void>} test
 * @param {import("playwright-core").BrowserContextOptions & {flags?: string[]}} [options]
 */
export async function inBrowser(name, test, { flags = [], ...options } = {}) {
  mkdirSync(PICTURES, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [...FLAGS, ...flags],
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(20_000);
  /** @type {string[]} */
  const complaints = [];
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("console", (line) => {
    if (line.text().includes("Content Security Policy")) complaints.push(line.text());
  });
  context.on("request", (request) => {
    const host = new URL(request.url()).hostname;
    if (host && host !== "127.0.0.1" && !host.endsWith("localhost")) complaints.push(`asked ${host} for something`);
  });
  try {
    await test(context);
    if (complaints.length > 0) throw new Error(complaints.join("\n"));
    console.log(`${name}: passed`);
  } catch (error) {
    console.error(`${name}: failed\n`, error);
    for (const [index, page] of context.pages().entries()) {
      await page.screenshot({ path: `${PICTURES}failed-${name}-${index}.png` }).catch(() => {});
    }
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

/**
 * Opens the demo's page, ready to pick.
 * @param {Context} context
 */
export async function openDemo(context) {
  const page = await context.newPage();
  await page.goto(`${DEMO}/demo`);
  await page.locator("#pick:enabled").waitFor();
  return page;
}

/**
 * Opens the picker and answers Dropbox's question.
 * @param {Page} page
 * @param {"Allow" | "Deny"} [decision]
 */
export async function connect(page, decision = "Allow") {
  await page.locator("#pick").click();
  return signIn(page, decision);
}

/**
 * In an open picker, connects.
 * @param {Page} page
 * @param {"Allow" | "Deny"} [decision]
 */
export async function signIn(page, decision = "Allow") {
  const opening = page.waitForEvent("popup");
  await page.getByRole("button", { name: "Connect Dropbox" }).click();
  const popup = await opening;
  await popup.getByRole("button", { name: decision }).click();
  if (decision === "Allow") await files(page).first().waitFor();
  return popup;
}

/**
 * Files as they lie on a disk, to be chosen in a page: bytes through the debugger would take many
 * seconds. They are gone at the end.
 * @param {Record<string, Buffer>} files
 * @returns {string[]}
 */
export function onDisk(files) {
  const folder = mkdtempSync(join(tmpdir(), "longshore-files-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return Object.entries(files).map(([name, bytes]) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  });
}

/**
 * What a folder shows; not the choices of a page's own fields.
 * @param {Page} page
 */
export function files(page) {
  return page.locator("[role=option]");
}

/**
 * One entry by its name.
 * @param {Page} page
 * @param {string} name
 */
export function entry(page, name) {
  return files(page).filter({ has: page.locator("bdi").getByText(name, { exact: true }) });
}

/**
 * Chooses an entry by its box: a folder as a whole.
 * @param {Page} page
 * @param {string} name
 */
export function tick(page, name) {
  return entry(page, name).locator(".tick");
}

/**
 * Until something holds.
 * @param {string} what
 * @param {() => Promise<boolean>} holds
 * @param {number} [patience]
 */
export async function until(what, holds, patience = 20_000) {
  const end = Date.now() + patience;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${patience} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
