// What breaks on the way is said, and mends itself where it can: the grant withdrawn, the server
// away for a while, no network for five seconds, a person who closes in the middle.

import assert from "node:assert/strict";
import { DEMO, entry, files, inBrowser, signIn, tick, until } from "./browser.mjs";
import { apikeyOf, serve, underCname } from "./hosts.mjs";

const apikey = await apikeyOf(DEMO);
const page = (/** @type {string} */ server, /** @type {object} */ options) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>
  <button id="pick">Pick</button><script src="${server}/longshore.js"></script><script>
    window.told = [];
    const tell = (name) => (...about) => void told.push(name);
    document.querySelector("#pick").onclick = () => longshore.init(${JSON.stringify(apikey)}).pick({
      ...${JSON.stringify(options)}, onCancel: tell("onCancel"), onClose: tell("onClose"), onUploadDone: tell("onUploadDone"),
      onFileSelected: (file) => { if (file.filename.startsWith("Welcome") && ${JSON.stringify(options)}.veto) throw new Error("Not this one"); },
    }).then((result) => { window.result = result; });
  </script>`;
const pages = await serve({
  "/": { body: page(DEMO, { maxFiles: 9 }) },
  "/veto": { body: page(DEMO, { maxFiles: 9, veto: true }) },
  "/strict": { body: page(DEMO, { maxFiles: 2, minFiles: 2, accept: [".txt"], maxSize: 10, lang: "de" }) },
});
/** @param {import("./browser.mjs").Page} tab */
const result = (tab) => tab.evaluate(() => Reflect.get(window, "result"));

await inBrowser("faults-grant-withdrawn", async (context) => {
  const tab = await context.newPage();
  await tab.goto(pages.url);
  await tab.locator("#pick").click();
  await signIn(tab);
  await entry(tab, "Welcome.txt").click();
  // Signed out elsewhere: the same session, by the server's own route.
  const token = await tab.evaluate((key) => localStorage.getItem(`longshore.session.${key}`), apikey);
  await context.request.post(`${DEMO}/auth/logout`, { data: { apikey, token, clouds: { dropbox: {} } } });
  await entry(tab, "Documents").click();
  await tab.getByRole("button", { name: "Connect Dropbox" }).waitFor();
  await signIn(tab);
  // What was chosen is still chosen.
  await entry(tab, "Packing list.txt").click();
  await tab.getByRole("button", { name: "Upload 2" }).click();
  await tab.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal((await result(tab)).filesUploaded.length, 2);
});

await inBrowser("faults-offline-for-five-seconds", async (context) => {
  const tab = await context.newPage();
  await tab.goto(pages.url);
  await tab.locator("#pick").click();
  await signIn(tab);
  await context.setOffline(true);
  await entry(tab, "Documents").click();
  await tab.getByRole("heading", { name: "Connection Lost" }).waitFor();
  await tab.waitForTimeout(5000);
  await context.setOffline(false);
  // By itself.
  await entry(tab, "Packing list.txt").waitFor();
  await entry(tab, "Packing list.txt").click();
  await context.setOffline(true);
  await tab.getByRole("button", { name: "Upload", exact: true }).click();
  await tab.getByText("Offline. This goes on by itself.").waitFor();
  await tab.waitForTimeout(5000);
  await context.setOffline(false);
  await tab.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal((await result(tab)).filesUploaded.length, 1);
});

await inBrowser("faults-server-away-in-the-middle", async (context) => {
  // The server goes away with every connection to it, and comes back under the same address.
  let tls = await underCname(DEMO);
  const flags = { port: Number(tls.cname.split(":")[1]) };
  const own = await serve({ "/": { body: page(`https://www.${tls.cname}`, { maxFiles: 9 }) } });
  const tab = await context.newPage();
  await tab.goto(own.url);
  await tab.locator("#pick").click();
  await signIn(tab);
  await entry(tab, "Welcome.txt").click();
  await entry(tab, "Harbor at dawn.png").click();
  tls.close();
  await tab.getByRole("button", { name: "Upload 2" }).click();
  await tab.getByText("The server does not answer. This goes on by itself.").first().waitFor();
  tls = await underCname(DEMO, flags.port);
  await tab.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal((await result(tab)).filesUploaded.length, 2);
  tls.close();
  own.close();
}, { ignoreHTTPSErrors: true });

await inBrowser("faults-closing-in-the-middle-asks", async (context) => {
  const tab = await context.newPage();
  await tab.goto(pages.url);
  await tab.locator("#pick").click();
  await signIn(tab);
  await tick(tab, "Documents").click();
  await tab.getByText("1 selected").waitFor();
  await entry(tab, "Welcome.txt").click();
  await tab.route("**/store/", async (route) => {
    if ((route.request().postData() ?? "").includes("Packing")) return;
    await route.continue();
  });
  await tab.getByRole("button", { name: "Upload 2" }).click();
  await tab.getByText("1 of 2 files stored").first().waitFor();
  await tab.keyboard.press("Escape");
  const asking = tab.getByRole("alertdialog");
  await asking.waitFor();
  await tab.getByRole("button", { name: "Keep uploading" }).click();
  await asking.waitFor({ state: "detached" });
  await tab.getByRole("button", { name: "Close" }).click();
  await tab.getByRole("button", { name: "Stop", exact: true }).click();
  await tab.getByRole("dialog").waitFor({ state: "detached" });
  assert.deepEqual((await result(tab)).filesUploaded.map((/** @type {{filename: string}} */ file) => file.filename), ["Welcome.txt"]);
  assert.deepEqual(await tab.evaluate(() => Reflect.get(window, "told")), ["onCancel", "onUploadDone", "onClose"]);
});

await inBrowser("faults-a-page-may-say-no", async (context) => {
  const tab = await context.newPage();
  await tab.goto(`${pages.url}/veto`);
  await tab.locator("#pick").click();
  await signIn(tab);
  await entry(tab, "Welcome.txt").click();
  await tab.getByRole("alert").getByText("Not this one").waitFor();
  assert.equal(await tab.locator("[role=option][aria-selected=true]").count(), 0);
  await entry(tab, "Harbor at dawn.png").click();
  assert.equal(await tab.locator("[role=option][aria-selected=true]").count(), 1);
});

await inBrowser("faults-limits-are-told-in-the-visitors-language", async (context) => {
  const tab = await context.newPage();
  await tab.goto(`${pages.url}/strict`);
  await tab.locator("#pick").click();
  const opening = tab.waitForEvent("popup");
  await tab.getByRole("button", { name: "Dropbox verbinden" }).click();
  await (await opening).getByRole("button", { name: "Allow" }).click();
  await files(tab).first().waitFor();
  // Not accepted, and too big: seen, told why, not taken.
  await entry(tab, "Harbor at dawn.png").click({ force: true });
  await tab.getByRole("alert").getByText("Angenommen werden .txt").waitFor();
  await entry(tab, "Welcome.txt").click({ force: true });
  await tab.getByRole("alert").getByText("zu groß").waitFor();
  assert.equal(await tab.locator("[role=option][aria-selected=true]").count(), 0);
  await tick(tab, "Documents").click();
  await tab.getByText("1 ausgewählt").waitFor();
  await tab.getByText("1 weitere Datei wird gebraucht").waitFor();
  await until("one file is too few", () => tab.getByRole("button", { name: "Hochladen" }).isDisabled());
});

pages.close();
