// The demo's page: the host page on the left, the story of the server on the right.

import { chosen, written } from "./choices.js";
import { h, humanSize, isolated } from "./dom.js";
import { Story } from "./story.js";

/** @typedef {import("../picker/src/result.js").PickResult} PickResult */
/** @typedef {import("../picker/src/options.js").PickerHandle} PickerHandle */
/** @typedef {import("../picker/src/options.js").PickerOptions} PickerOptions */
/** @typedef {{pick(options: PickerOptions): Promise<PickResult>, picker(options: PickerOptions): PickerHandle}} Client */
/** @typedef {{apikey: string, secret: string, retry_offsets: number[], failing: boolean}} Config */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
function part(id, kind) {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${id}`);
}

const button = part("pick", HTMLButtonElement);
const place = part("place", HTMLDivElement);
const form = part("choices", HTMLFormElement);
const json = part("json", HTMLPreElement);
const files = part("files", HTMLUListElement);
const failing = part("failing", HTMLInputElement);
const trouble = part("trouble", HTMLParagraphElement);

/** The picker that is open in the page, if one is. @type {PickerHandle | undefined} */
let inPage;

/** @param {PickResult} result */
function show(result) {
  json.textContent = JSON.stringify(result, null, 2);
  files.replaceChildren(...result.filesUploaded.map((file) => {
    const link = h("a", { attrs: { href: file.url ?? "#", target: "_blank", rel: "noreferrer" } }, isolated(file.filename));
    return h("li", {}, link, h("span", { text: humanSize(file.size) }));
  }));
}

/** @param {string} words */
function complain(words) {
  trouble.textContent = words;
  trouble.hidden = words === "";
}

async function setSwitch() {
  const body = JSON.stringify({ failing: failing.checked });
  const headers = { "Content-Type": "application/json" };
  try {
    const response = await fetch("/demo/subscriber", { method: "POST", headers, body });
    if (!response.ok) throw new Error(String(response.status));
  } catch {
    failing.checked = !failing.checked;
    complain("The server cannot be reached; the switch was not moved.");
  }
}

/**
 * What the code beside the form does, with these options; and a way to close it again.
 * @param {Client} client
 */
async function open(client) {
  if (inPage) return inPage.close();
  if (!form.reportValidity()) return;
  const options = chosen(form);
  complain("");
  const within = options.displayMode !== undefined;
  place.hidden = !within;
  place.className = options.displayMode ?? "";
  /** @param {PickerHandle} handle */
  const onOpen = (handle) => {
    if (!within) return;
    inPage = handle;
    button.textContent = "Close the picker";
  };
  if (options.displayMode === "dropPane") {
    await client.picker({ ...options, onUploadDone: show, onOpen, onClose: closed }).open();
  } else {
    show(await client.pick({ ...options, onOpen }));
    closed();
  }
}

function closed() {
  inPage = undefined;
  place.hidden = true;
  button.textContent = "Attach files";
}

/** @param {string} apikey */
function draw(apikey) {
  const options = chosen(form);
  for (const field of form.querySelectorAll("#sources, [name=viewType]")) {
    field.toggleAttribute("disabled", options.displayMode === "dropPane");
  }
  part("code", HTMLPreElement).textContent = written(options, apikey);
}

/** Two links: one that the server may fetch, and one that it may not. */
function offerLinks() {
  const links = { "is fetched": `${location.origin}/demo/sea-chart.png`, "is refused": "http://10.0.0.1/report.pdf" };
  part("links", HTMLUListElement).append(...Object.entries(links).map(([what, url]) => {
    const copy = h("button", { class: "plain", text: "Copy", attrs: { type: "button", "aria-label": `Copy ${url}` } });
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(url).catch(() => {});
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy"), 1500);
    });
    return h("li", {}, h("code", { text: url }), h("span", { text: what }), copy);
  }));
}

async function begin() {
  const { longshore } = /** @type {any} */ (window);
  if (!longshore) {
    complain("This program was built without the picker. Install Node 20.19 or later, with npm, and build it again.");
    return;
  }
  const answer = await fetch("/demo/config");
  if (!answer.ok) throw new Error("no config");
  /** @type {Config} */
  const config = await answer.json();
  const waits = config.retry_offsets.map((seconds) => `${seconds} s`);
  part("schedule", HTMLParagraphElement).textContent =
    `A webhook that fails is tried again ${waits.join(", ")} after the first attempt. ` +
    "That is this demo's schedule; the default is 5 min, 1 h, 12 h.";
  failing.checked = config.failing;
  failing.addEventListener("change", setSwitch);
  const story = new Story(part("story", HTMLOListElement), part("quiet", HTMLDivElement), config);
  document.addEventListener("longshore", (event) => {
    if (event instanceof CustomEvent) story.picker(event.detail);
  });
  story.listen((state) => {
    failing.checked = state.failing;
  });
  offerLinks();
  draw(config.apikey);
  form.addEventListener("change", async () => {
    await inPage?.close();
    draw(config.apikey);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  /** @type {Client} */
  const client = longshore.init(config.apikey);
  button.dataset["apikey"] = config.apikey;
  button.addEventListener("click", () => void open(client).catch(() => complain("The picker cannot be opened. Is the server still running?")));
  button.disabled = false;
  // Back from Dropbox in this very tab: the picker goes on where it was left.
  const here = new URL(location.href);
  if (here.searchParams.has("fs-tab")) {
    here.searchParams.delete("fs-tab");
    history.replaceState(null, "", here);
    button.click();
  }
}

begin().catch(() => complain("The demo's server does not answer. Is it still running? Load this page again."));
