// The portal, as a developer and as a viewer: `node portal.mjs ORIGIN` with PORTAL_EMAIL and
// PORTAL_PASSWORD of an operator's account. The server may send webhooks to this machine. With
// --pictures, every page is also kept as a picture, in both sizes and schemes.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { DEMO as SERVER, PICTURES, inBrowser } from "./browser.mjs";

/** @typedef {import("./browser.mjs").Page} Page */

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const EMAIL = process.env["PORTAL_EMAIL"] ?? "";
const PASSWORD = process.env["PORTAL_PASSWORD"] ?? "";
const TAKES = process.argv.includes("--pictures");
const VIEWER_PASSWORD = "a few random words";

/** Each would show that it ran by what it puts into the page. */
const HOSTILE = `<img src=x onerror="document.body.dataset.ran=1"><script>document.body.dataset.ran=1</script>`;

const SIZES = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const PAGES = ["", "credentials", "dropbox", "security", "webhooks", "deliveries", "events", "files", "usage", "members", "log"];

/** What axe-core finds, no scroll sideways, and nothing that ran. @param {Page} page @param {string} where */
async function check(page, where) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (window).axe.run(document, { resultTypes: ["violations"] });
    return violations
      .filter((/** @type {any} */ one) => ["serious", "critical"].includes(one.impact))
      .map((/** @type {any} */ one) => `${one.id}: ${one.nodes[0].html}\n${one.nodes[0].failureSummary}`);
  });
  assert.deepEqual(found, [], where);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(over, 0, `${where} scrolls sideways`);
  assert.equal(await page.evaluate(() => document.body.dataset["ran"]), undefined, `${where} ran what is text`);
}

/** @param {Page} page @param {string} email @param {string} password */
async function signIn(page, email, password) {
  await page.getByLabel("E-mail address", { exact: true }).fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Reads what is shown once, and closes it. @param {Page} page @param {string} name */
async function kept(page, name) {
  const text = await page.getByRole("dialog").getByLabel(name).textContent();
  await page.getByRole("button", { name: "I have kept it" }).click();
  return text ?? "";
}

/** A call by the page's own session. @param {Page} page @param {string} method @param {string} path @param {unknown} body */
async function call(page, method, path, body) {
  return page.evaluate(
    async ([method, path, body]) => {
      const { csrf } = await (await fetch("/api/v1/session")).json();
      const answer = await fetch(`/api/v1${path}`, { method: String(method), headers: { "X-Longshore-CSRF": csrf }, body: JSON.stringify(body) });
      return { status: answer.status, told: answer.status === 204 ? null : await answer.json() };
    },
    /** @type {const} */ ([method, path, body]),
  );
}

/** A receiver that fails once, then accepts. */
async function subscriber() {
  /** @type {{body: string, headers: import("node:http").IncomingHttpHeaders}[]} */
  const asked = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part) => (body += part)).on("end", () => {
      asked.push({ body, headers: request.headers });
      response.writeHead(asked.length === 1 ? 500 : 200, { "Content-Type": "text/plain" });
      response.end(asked.length === 1 ? HOSTILE : "thank you");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${address.port}/hook`, asked, close: () => server.close() };
}

/** Makes an application, gives it a Dropbox app and a webhook. @param {Page} page @param {string} hook */
async function setUp(page, hook) {
  await page.goto(`${SERVER}/portal/new`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await check(page, "sign-in");
  await signIn(page, EMAIL, "not the password at all");
  await page.getByRole("alert").waitFor();
  await signIn(page, EMAIL, PASSWORD);
  // Back to where one was going.
  await page.getByRole("heading", { name: "New application" }).waitFor();
  await page.getByLabel("Name", { exact: true }).fill(HOSTILE);
  await page.getByRole("button", { name: "Make the application" }).click();
  await page.getByRole("dialog").waitFor();
  await check(page, "a secret");
  const apikey = await page.getByRole("dialog").getByLabel("API key", { exact: true }).textContent();
  const secret = await kept(page, "Secret");
  assert.match(secret, /^[A-Z0-9]{20,}$/i);
  await page.getByRole("heading", { name: HOSTILE }).waitFor();
  await page.getByRole("heading", { name: "Set it up" }).waitFor();
  await check(page, "the checklist");
  if (TAKES) await page.screenshot({ path: `${PICTURES}portal-checklist.png`, fullPage: true });
  await page.getByRole("link", { name: "Dropbox", exact: true }).click();
  await page.getByLabel("App key", { exact: true }).fill("portalkey1");
  await page.getByLabel("App secret", { exact: true }).fill("portalsecret1");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved").waitFor();
  assert.equal(await page.getByLabel("App secret", { exact: true }).inputValue(), "", "the secret stays in the page");
  await page.getByRole("link", { name: "Webhooks" }).click();
  await page.getByLabel("Address", { exact: true }).fill(hook);
  await page.getByLabel("Event", { exact: true }).selectOption("fp.upload");
  await page.getByLabel("Description", { exact: true }).fill(HOSTILE);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  assert.match(await kept(page, "Secret for fp.upload"), /^whsec_/);
  await page.locator(".endpoints").getByText(hook).waitFor();
  await page.locator(".endpoints").getByText(HOSTILE).waitFor();
  return { apikey: apikey ?? "", secret };
}

/**
 * A file comes, its delivery fails, and is sent once more.
 * @param {Page} page
 * @param {string} apikey
 * @param {Awaited<ReturnType<typeof subscriber>>} hook
 */
async function deliver(page, apikey, hook) {
  await page.getByRole("link", { name: "Deliveries", exact: true }).first().click();
  await page.getByRole("heading", { name: "No delivery yet" }).waitFor();
  await check(page, "no delivery");
  const stored = await page.request.post(`${SERVER}/api/store/S3?key=${apikey}&filename=tide.txt`, { data: "high at noon", headers: { "Content-Type": "text/plain" } });
  assert.equal(stored.status(), 200, await stored.text());
  // By itself, without a reload.
  const row = page.locator("tbody tr").first();
  await row.locator(".marks .no").waitFor();
  await page.locator("main h1").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const panel = page.locator(".panel");
  await panel.getByText("attempt 1").waitFor();
  await panel.getByText("Answer", { exact: true }).click();
  await panel.getByText(HOSTILE).waitFor();
  const [first] = hook.asked;
  assert.deepEqual(JSON.parse(await panel.getByLabel("Request body", { exact: true }).innerText()), JSON.parse(first?.body ?? ""));
  for (const line of (await panel.getByLabel("Request headers", { exact: true }).innerText()).split("\n")) {
    const [name = "", value] = line.split(": ");
    assert.equal(first?.headers[name.toLowerCase()], value, name);
  }
  await panel.getByText("How to check the signature").click();
  await panel.getByRole("button", { name: "Go", exact: true }).click();
  await panel.getByText("hmac.New(sha256.New").waitFor();
  await check(page, "a delivery");
  await panel.getByRole("button", { name: "Resend" }).click();
  await panel.locator(".badge").getByText("delivered").waitFor();
  await row.locator(".marks .ok").waitFor();
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
  await page.getByLabel("State", { exact: true }).selectOption("exhausted");
  await page.getByRole("heading", { name: "Nothing fits the filters" }).waitFor();
  assert.match(page.url(), /state=exhausted/);
}

/** New deliveries wait for a click, and rows are gone through by keys. @param {Page} page @param {string} apikey */
async function watch(page, apikey) {
  await page.goto(`${SERVER}/portal/apps/${apikey}/deliveries`);
  await page.locator("tbody tr").first().waitFor();
  for (const name of ["ebb", "flood"]) {
    await page.request.post(`${SERVER}/api/store/S3?key=${apikey}&filename=${name}.txt`, { data: name, headers: { "Content-Type": "text/plain" } });
  }
  await page.getByRole("button", { name: "2 new" }).waitFor();
  assert.equal(await page.locator("tbody tr").count(), 1, "rows moved by themselves");
  await page.getByRole("button", { name: "2 new" }).click();
  await page.locator("tbody tr").nth(2).waitFor();
  await page.locator("main h1").focus();
  const held = () => page.evaluate(() => [...document.querySelectorAll("[data-row]")].indexOf(/** @type {Element} */ (document.activeElement)));
  for (const [key, row] of /** @type {const} */ ([["ArrowDown", 0], ["ArrowDown", 1], ["ArrowDown", 2], ["ArrowDown", 2], ["ArrowUp", 1]])) {
    await page.keyboard.press(key);
    assert.equal(await held(), row, `${key} leads to row ${row}`);
  }
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "SELECT");
}

/** The code that an authenticator app shows now (RFC 6238). @param {string} secret */
function codeNow(secret) {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", key).update(step).digest();
  const at = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** With a second factor a password alone opens nothing. @param {Page} guest @param {string} email */
async function secondFactor(guest, email) {
  await guest.goto(`${SERVER}/portal/account`);
  await guest.getByLabel("Your password", { exact: true }).fill(VIEWER_PASSWORD);
  await guest.getByRole("button", { name: "Set it up" }).click();
  const secret = await guest.getByLabel("Secret for the authenticator app", { exact: true }).textContent();
  await guest.getByLabel("Code that the app shows", { exact: true }).fill(codeNow(secret ?? ""));
  await guest.getByRole("button", { name: "Switch it on" }).click();
  const codes = (await guest.getByRole("dialog").getByLabel("Recovery codes", { exact: true }).textContent() ?? "").split("\n");
  assert.equal(codes.length, 10);
  await check(guest, "recovery codes");
  await guest.getByRole("button", { name: "I have kept them" }).click();
  await guest.getByRole("button", { name: "Sign out" }).click();
  await signIn(guest, email, VIEWER_PASSWORD);
  await guest.getByLabel("Code", { exact: true }).fill("000000");
  await guest.getByRole("button", { name: "Sign in" }).click();
  await guest.getByRole("alert").waitFor();
  await check(guest, "the second step");
  await guest.getByLabel("Code", { exact: true }).fill(codes[0] ?? "");
  await guest.getByRole("button", { name: "Sign in" }).click();
  await guest.getByRole("heading", { name: "Applications" }).waitFor();
  await guest.goto(`${SERVER}/portal/account`);
  await guest.getByLabel("Your password", { exact: true }).fill(VIEWER_PASSWORD);
  await guest.getByRole("button", { name: "Switch it off" }).click();
  await guest.getByRole("button", { name: "Set it up" }).waitFor();
}

/** The signature in the page is the one that the server takes. @param {Page} page @param {string} apikey @param {string} secret */
async function sign(page, apikey, secret) {
  await page.goto(`${SERVER}/portal/apps/${apikey}/security`);
  /** @type {string[]} */
  const sent = [];
  page.on("request", (request) => sent.push(request.url() + (request.postData() ?? "")));
  await page.getByLabel("read", { exact: true }).check();
  await page.getByLabel("Secret of the application", { exact: true }).fill(secret);
  const signature = await page.getByLabel("Signature", { exact: true }).textContent();
  const policy = await page.getByLabel("Policy in base64", { exact: true }).textContent();
  assert.deepEqual(sent.filter((text) => text.includes(secret)), [], "the secret left the page");
  const { told } = await call(page, "PATCH", `/applications/${apikey}`, { security: true });
  assert.equal(told.security, true);
  const file = await page.evaluate(async (key) => (await (await fetch(`/api/v1/applications/${key}/files`)).json()).items[0], apikey);
  const path = new URL(file.url).pathname;
  assert.equal((await page.request.get(SERVER + path)).status(), 403);
  assert.equal((await page.request.get(`${SERVER}${path}?policy=${policy}&signature=${signature}`)).status(), 200);
}

/** An invitation, its link, and who takes it. @param {Page} page @param {Page} guest @param {string} apikey */
async function invite(page, guest, apikey) {
  const email = `viewer-${Date.now()}@example.com`;
  await page.goto(`${SERVER}/portal/apps/${apikey}/members`);
  await page.getByLabel("E-mail address", { exact: true }).fill(email);
  await page.getByLabel("Role", { exact: true }).selectOption("viewer");
  await page.getByRole("button", { name: "Make the link" }).click();
  const link = new URL(await kept(page, `Link for ${email}`));
  await page.getByLabel("Open invitations", { exact: true }).getByText(email).waitFor();
  await guest.goto(SERVER + link.pathname + link.hash);
  await guest.getByText(HOSTILE).waitFor();
  await check(guest, "join");
  assert.equal(await guest.getByLabel("E-mail address", { exact: true }).inputValue(), email);
  await guest.getByLabel("Name", { exact: true }).fill(HOSTILE.slice(0, 90));
  await guest.getByLabel("Password", { exact: true }).fill(VIEWER_PASSWORD);
  await guest.getByRole("button", { name: "Make the account" }).click();
  await guest.getByRole("table").getByText(apikey).waitFor();
  await page.reload();
  await page.getByLabel("Members", { exact: true }).getByText(HOSTILE.slice(0, 90)).waitFor();
  return email;
}

/** A token works until it is revoked. @param {Page} page @param {string} apikey */
async function token(page, apikey) {
  await page.goto(`${SERVER}/portal/apps/${apikey}/credentials`);
  await page.getByRole("heading", { name: "No token yet" }).waitFor();
  await page.getByLabel("Name of the new token", { exact: true }).fill(HOSTILE.slice(0, 90));
  await page.getByLabel("Role", { exact: true }).selectOption("viewer");
  await page.getByLabel("Ends", { exact: true }).selectOption("30");
  await page.getByRole("button", { name: "Make a token" }).click();
  const made = await kept(page, HOSTILE.slice(0, 90));
  const used = async () => (await page.request.fetch(`${SERVER}/api/v1/token`, { headers: { Authorization: `Bearer ${made}`, Cookie: "" } })).status();
  assert.equal(await used(), 200);
  await check(page, "tokens");
  await page.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("Revoked").waitFor();
  assert.equal(await used(), 401);
}

/** What can be done with an endpoint. @param {Page} page @param {string} apikey */
async function endpoint(page, apikey) {
  await page.goto(`${SERVER}/portal/apps/${apikey}/webhooks`);
  await page.getByLabel("Address", { exact: true }).fill("not an address");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Address", { exact: true }).fill("https://hooks.example.com/second");
  await page.getByLabel("Event", { exact: true }).selectOption("fp.delete");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await kept(page, "Secret for fp.delete");
  const row = page.locator(".endpoints > li").filter({ hasText: "hooks.example.com" });
  await row.getByRole("button", { name: "Disable" }).click();
  await row.getByText("Disabled").waitFor();
  await row.getByRole("button", { name: "Enable" }).click();
  await row.getByText("Enabled").waitFor();
  await row.getByRole("button", { name: "Rotate the secret" }).click();
  assert.match(await kept(page, "Secret for fp.delete"), /^whsec_/);
  await row.getByText("Step 1 of 2").waitFor();
  await check(page, "a rotation");
  await row.getByRole("button", { name: "Promote the secret" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Promote" }).click();
  await row.getByText("Step 2 of 2").waitFor();
  await row.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await row.waitFor({ state: "detached" });
}

/**
 * Another role for a member; a link that is withdrawn; one that who has an account accepts.
 * @param {Page} page @param {Page} guest @param {string} apikey @param {string} email
 */
async function members(page, guest, apikey, email) {
  await page.goto(`${SERVER}/portal/apps/${apikey}/members`);
  const role = page.getByLabel(`Role of ${email}`, { exact: true });
  await role.selectOption("developer");
  await page.locator("select:disabled").first().waitFor({ state: "detached" });
  assert.equal((await call(guest, "PATCH", `/applications/${apikey}`, { storage_path: "" })).status, 200);
  await role.selectOption("viewer");
  await page.getByLabel("Role of " + EMAIL, { exact: true }).selectOption("viewer");
  await page.getByRole("alert").getByText("needs an owner").waitFor();
  assert.equal(await page.getByLabel("Role of " + EMAIL, { exact: true }).inputValue(), "owner");
  await page.getByLabel("E-mail address", { exact: true }).fill("never@example.com");
  await page.getByRole("button", { name: "Make the link" }).click();
  const link = new URL(await kept(page, "Link for never@example.com"));
  await page.getByRole("button", { name: "Withdraw" }).click();
  await page.getByText("never@example.com").waitFor({ state: "detached" });
  await guest.goto(SERVER + link.pathname + link.hash);
  await guest.getByRole("alert").waitFor();
  // A second application, for the account that there is.
  const second = await call(page, "POST", "/applications", { name: "Second" });
  const invited = await call(page, "POST", `/applications/${second.told.apikey}/invitations`, { email, role: "owner" });
  const other = new URL(invited.told.url);
  await guest.goto("about:blank");
  await guest.goto(SERVER + other.pathname + other.hash);
  await guest.getByRole("button", { name: "Accept" }).click();
  await guest.getByRole("heading", { name: "Second" }).waitFor();
}

/** A viewer sees everything and is offered nothing. @param {Page} guest @param {string} apikey */
async function view(guest, apikey) {
  const open = (/** @type {string} */ name) => guest.goto(`${SERVER}/portal/apps/${apikey}/${name}`);
  await open("webhooks");
  for (const name of ["Disable", "Rotate the secret", "Delete", "Add"]) {
    const button = guest.getByRole("button", { name, exact: true });
    await button.waitFor();
    assert.equal(await button.isDisabled(), true, name);
    assert.match((await button.getAttribute("title")) ?? "", /needs the role developer/);
  }
  await open("dropbox");
  assert.equal(await guest.getByRole("button", { name: "Save" }).isDisabled(), true);
  await open("members");
  assert.equal(await guest.getByRole("button", { name: "Make the link" }).isDisabled(), true);
  const { status, told } = await call(guest, "PATCH", `/applications/${apikey}`, { name: "mine" });
  assert.equal(status, 403);
  assert.equal(told.type, "/problems/role-too-low");
}

/** Every page, looked at. @param {Page} page @param {string} apikey @param {string} who @param {string} look */
async function everyPage(page, apikey, who, look) {
  const paths = ["/portal", "/portal/new", "/portal/account", ...PAGES.map((name) => `/portal/apps/${apikey}${name && `/${name}`}`)];
  for (const [number, path] of paths.entries()) {
    await page.goto(SERVER + path);
    await page.locator("main h1").waitFor();
    await page.locator(".ghosts").first().waitFor({ state: "detached" });
    await check(page, `${who} ${look} ${path}`);
    if (!TAKES) continue;
    const name = path.split("/").pop() === apikey ? "overview" : path.split("/").pop();
    await page.screenshot({ path: `${PICTURES}portal-${look}-${String(number).padStart(2, "0")}-${who}-${name}.png`, animations: "disabled" });
  }
}

/** What opens beside a list or above a page. @param {Page} page @param {string} apikey @param {string} look */
async function opened(page, apikey, look) {
  const take = async (/** @type {string} */ name) => {
    await check(page, `${look} ${name}`);
    if (TAKES) await page.screenshot({ path: `${PICTURES}portal-${look}-20-${name}.png`, animations: "disabled" });
  };
  for (const list of ["deliveries", "events", "files"]) {
    await page.goto(`${SERVER}/portal/apps/${apikey}/${list}`);
    await page.locator("[data-row]").first().click();
    await page.locator(".panel .facts").waitFor();
    await page.waitForTimeout(300);
    await take(`${list}-open`);
  }
  await page.goto(`${SERVER}/portal/apps/${apikey}/webhooks`);
  await page.getByRole("button", { name: "Delete" }).click();
  await take("question");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("summary", { hasText: "API" }).click();
  await page.getByText("LONGSHORE_TOKEN").first().waitFor();
  await take("api");
  await page.goto(`${SERVER}/portal/account`);
  await page.getByRole("textbox", { name: "Your password" }).fill(PASSWORD);
  await page.getByRole("button", { name: "Set it up" }).click();
  await page.getByRole("img", { name: /QR code/ }).waitFor();
  await take("second-factor");
  if (SIZES.phone.width === page.viewportSize()?.width) {
    await page.getByRole("button", { name: "Menu" }).click();
    await page.evaluate(() => scrollTo(0, 0));
    await take("menu");
  }
}

let apikey = "";
let email = "";
const hook = await subscriber();
await inBrowser("portal", async (context) => {
  const page = await context.newPage();
  const made = await setUp(page, hook.url);
  apikey = made.apikey;
  await deliver(page, apikey, hook);
  await watch(page, apikey);
  await sign(page, apikey, made.secret);
  const other = await /** @type {import("playwright-core").Browser} */ (context.browser()).newContext({ reducedMotion: "reduce" });
  const guest = await other.newPage();
  email = await invite(page, guest, apikey);
  await view(guest, apikey);
  await token(page, apikey);
  await endpoint(page, apikey);
  await members(page, guest, apikey, email);
  await secondFactor(guest, email);
  await guest.getByRole("button", { name: "Sign out" }).click();
  await guest.getByRole("heading", { name: "Sign in" }).waitFor();
}, { reducedMotion: "reduce" });
for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    if (process.exitCode) break;
    const look = `${size}-${colorScheme}`;
    await inBrowser(`portal-${look}`, async (context) => {
      const page = await context.newPage();
      await page.goto(`${SERVER}/portal`);
      await signIn(page, EMAIL, PASSWORD);
      await page.getByRole("heading", { name: "Applications" }).waitFor();
      await everyPage(page, apikey, "owner", look);
      await opened(page, apikey, look);
      await context.clearCookies();
      // The session is over: the next call leads to the sign-in page.
      await page.goto(`${SERVER}/portal/apps/${apikey}/members`);
      await signIn(page, email, VIEWER_PASSWORD);
      await page.getByRole("heading", { name: "Members" }).waitFor();
      await everyPage(page, apikey, "viewer", look);
    }, { viewport, colorScheme, reducedMotion: "reduce", hasTouch: size === "phone" });
  }
}
hook.close();
