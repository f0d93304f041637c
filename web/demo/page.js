// The demo's page: the host page on the left, the story of the server on the right.

import { h, humanSize, isolated } from "./dom.js";
import { Story } from "./story.js";

/** @typedef {import("../picker/src/result.js").PickResult} PickResult */
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
const json = part("json", HTMLPreElement);
const files = part("files", HTMLUListElement);
const failing = part("failing", HTMLInputElement);
const trouble = part("trouble", HTMLParagraphElement);

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

async function begin() {
  const [answer, code] = await Promise.all([fetch("/demo/config"), fetch("/demo/example.js")]);
  if (!answer.ok || !code.ok) throw new Error("no config");
  /** @type {Config} */
  const config = await answer.json();
  part("code", HTMLPreElement).textContent = (await code.text()).trim();
  const waits = config.retry_offsets.map((seconds) => `${seconds} s`);
  part("schedule", HTMLParagraphElement).textContent =
    `A webhook that fails is tried again ${waits.join(", ")} after the first attempt. ` +
    "That is this demo's schedule; the default is 5 min, 1 h, 12 h.";
  failing.checked = config.failing;
  failing.addEventListener("change", setSwitch);
  button.addEventListener("picked", (event) => {
    if (event instanceof CustomEvent) show(event.detail);
  });
  const story = new Story(part("story", HTMLOListElement), part("quiet", HTMLDivElement), config);
  document.addEventListener("longshore", (event) => {
    if (event instanceof CustomEvent) story.picker(event.detail);
  });
  story.listen((state) => {
    failing.checked = state.failing;
  });
  button.dataset["apikey"] = config.apikey;
  // The example's own file, so that what is shown is what runs.
  const example = "/demo/example.js";
  await import(example);
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
