// The picker's dialog: its bars, its boxes and buttons, without what they do.

import { h, icon } from "./dom.js";
import { SORTS } from "./listing.js";

/**
 * @typedef {object} Acts What the picker does.
 * @property {() => void} up
 * @property {() => void} letters a letter was typed into the search
 * @property {(event: KeyboardEvent) => void} searchKey
 * @property {() => void} sort
 * @property {() => void} view
 * @property {() => void} leave
 * @property {() => void} first
 * @property {() => void} second
 * @property {() => void} close
 * @property {(event: Event) => void} escape
 * @property {() => void} outside a click beside the dialog
 */

/** @typedef {ReturnType<typeof frame>} Frame */

/**
 * @param {string} label
 * @param {import("./dom.js").IconName} name
 * @param {() => void} click
 */
function tool(label, name, click) {
  const attrs = { type: "button", "aria-label": label, title: label };
  return h("button", { class: "lp-tool", attrs, on: { click } }, icon(name));
}

/** @param {Acts} acts */
export function frame(acts) {
  const up = tool("Folder above", "up", acts.up);
  const crumbs = h("ol", { class: "lp-crumbs" });
  const box = h("input", {
    class: "lp-search",
    attrs: { type: "search", placeholder: "Search", "aria-label": "Search in Dropbox", autocomplete: "off", spellcheck: "false" },
    on: { input: acts.letters, keydown: acts.searchKey },
  });
  const options = Object.entries(SORTS).map(([value, text]) => h("option", { text, attrs: { value } }));
  const sorts = h("select", { class: "lp-sort", attrs: { "aria-label": "Sort by" }, on: { change: acts.sort } }, ...options);
  const view = tool("Show as grid", "grid", acts.view);
  const who = h("p", { class: "lp-who" });
  const signOut = h("button", { class: "lp-plain lp-small", text: "Sign out", attrs: { type: "button" }, on: { click: acts.leave } });
  const body = h("div", { class: "lp-body" });
  const count = h("p", { class: "lp-count" });
  const second = h("button", { class: "lp-plain", attrs: { type: "button" }, on: { click: acts.second } });
  const first = h("button", { class: "lp-primary", attrs: { type: "button" }, on: { click: acts.first } });
  const live = h("div", { class: "lp-live", attrs: { role: "status", "aria-live": "polite" } });
  /** @type {HTMLDialogElement} */
  const dialog = h("dialog", {
    class: "lp-dialog",
    attrs: { role: "dialog", "aria-modal": "true", "aria-label": "Pick files from Dropbox" },
    on: {
      cancel: acts.escape,
      keydown: (event) => trap(dialog, event),
      click: (event) => event.target === dialog && acts.outside(),
    },
  },
    h("aside", { class: "lp-side", attrs: { "aria-label": "Source" } },
      h("p", { class: "lp-source" }, icon("dropbox"), h("span", { text: "Dropbox" })),
      h("div", { class: "lp-account" }, who, signOut)),
    h("div", { class: "lp-main" },
      h("div", { class: "lp-head" },
        up,
        h("nav", { class: "lp-path", attrs: { "aria-label": "Folders" } }, crumbs),
        box, sorts, view,
        tool("Close", "close", acts.close)),
      body,
      h("div", { class: "lp-foot" }, count, second, first)),
    live);
  return { dialog, up, crumbs, box, sorts, view, who, body, count, second, first, live };
}

/**
 * Keeps Tab within the picker.
 * @param {HTMLElement} dialog
 * @param {KeyboardEvent} event
 */
function trap(dialog, event) {
  if (event.key !== "Tab") return;
  const all = [...dialog.querySelectorAll("button, input, select, summary, [tabindex='0']")];
  const reachable = all.filter((one) =>
    one instanceof HTMLElement && !one.matches(":disabled") && one.offsetParent !== null);
  const [first, last] = [reachable[0], reachable.at(-1)];
  const active = document.activeElement;
  const leaving = event.shiftKey ? active === first || active === dialog : active === last;
  const to = event.shiftKey ? last : first;
  if (!leaving || !(to instanceof HTMLElement)) return;
  event.preventDefault();
  to.focus();
}
