// A first simple picker for Dropbox: connects, browses, searches, picks.

import { Cloud, CloudError, keep, recall } from "./cloud.js";
import { LINK_LIFE_MS, connectScreen, connected, errorScreen, notice, openPopup, waitingScreen } from "./connect.js";
import { counted, h, humanSize, icon, isolated } from "./dom.js";
import { frame } from "./frame.js";
import { Listing, skeleton } from "./listing.js";
import { Storing } from "./storing.js";

/** @typedef {import("./cloud.js").Entry} Entry */
/** @typedef {import("./cloud.js").Auth} Auth */
/** @typedef {import("./storing.js").PickedFile} PickedFile */

/**
 * How a pick ended. A person who closes the picker has not failed: both lists are empty then.
 * @typedef {object} PickResult
 * @property {PickedFile[]} filesUploaded
 * @property {PickedFile[]} filesFailed
 */

/**
 * @typedef {object} PickOptions
 * @property {string} apikey
 * @property {string} [url] the server's origin; this page's own when absent
 * @property {number} [maxFiles] 1 when absent
 * @property {string[]} [accept] `image/*`, `.pdf`, …; everything when absent
 */

/** @type {Promise<PickResult> | null} */
let open = null;

/**
 * Opens the picker. Called again while it is open, it answers the same pick.
 * What happens on the way is told to the document as `longshore` events.
 * @param {PickOptions} options
 * @returns {Promise<PickResult>}
 */
export function pick(options) {
  open ??= new Promise((resolve) => {
    new Picker(options, (result) => {
      open = null;
      resolve(result);
    });
  });
  return open;
}

/** How long a search waits for the next letter. */
const LETTERS_MS = 180;
/** How long a finished pick is looked at before the picker closes. */
const DONE_MS = 700;

class Picker {
  /**
   * @param {PickOptions} options
   * @param {(result: PickResult) => void} done
   */
  constructor(options, done) {
    this.cloud = new Cloud(options.url ?? location.origin, options.apikey);
    this.accept = options.accept;
    this.done = done;
    this.memory = `longshore.picker.${options.apikey}`;
    this.before = document.activeElement;
    /** @type {Storing | null} */
    this.storing = null;
    /** @type {AbortController} what is under way on this screen */
    this.under = new AbortController();
    /** @type {Auth | null} */
    this.auth = null;
    const kept = JSON.parse(recall(this.memory) ?? "{}");
    this.path = typeof kept.path === "string" ? kept.path : "/";
    this.search = "";
    this.next = "";
    this.listing = new Listing(options.maxFiles ?? 1, {
      open: (entry) => this.#enter(entry.path),
      up: () => this.#up(),
      more: () => this.#more(),
      changed: () => this.#foot(),
      upload: () => this.#upload(),
      type: (letter) => this.#type(letter),
      say: (words) => this.#say(words),
    });
    this.ui = frame({
      up: () => this.#up(),
      letters: () => this.#searchSoon(),
      searchKey: (event) => this.#searchKey(event),
      sort: () => this.#sort(),
      view: () => this.#view(!this.listing.grid),
      leave: () => this.#leave(),
      first: () => this.#first(),
      second: () => this.#second(),
      close: () => this.#close(),
      escape: (event) => this.#escape(event),
      outside: () => this.storing || this.#close(),
    });
    this.fetching = false;
    /** @type {PickedFile[]} stored before "Upload more" */
    this.earlier = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.letters = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.closing = undefined;
    this.#view(kept.grid === true);
    document.body.append(this.ui.dialog);
    this.ui.dialog.showModal();
    this.#load();
  }

  // ---- What is shown ----

  /**
   * @param {"files" | "other" | "storing"} mode
   * @param {...Node} nodes
   */
  #screen(mode, ...nodes) {
    this.ui.dialog.dataset["mode"] = mode;
    this.ui.body.replaceChildren(...nodes);
    this.#foot();
  }

  /** Ends what was under way on the screen before and begins anew. */
  #fresh() {
    this.under.abort();
    this.under = new AbortController();
    return this.under.signal;
  }

  #foot() {
    const { chosen, maxFiles } = this.listing;
    const bytes = [...chosen.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    const storing = this.storing;
    if (storing) {
      this.ui.count.textContent = "";
      const done = storing.settled;
      this.ui.first.textContent = done ? "Done" : "Stop";
      this.ui.first.className = done ? "lp-primary" : "lp-plain";
      this.ui.first.disabled = false;
      this.ui.second.textContent = "Upload more";
      this.ui.second.hidden = !done || storing.failed === 0;
      if (done && storing.failed === 0) this.#soonDone(storing);
      return;
    }
    const some = chosen.size > 0;
    this.ui.first.className = "lp-primary";
    const most = maxFiles > 1 && maxFiles < 1000 && chosen.size >= maxFiles ? " (the most there may be)" : "";
    this.ui.count.textContent = some ? `${counted(chosen.size, "file")} · ${humanSize(bytes)}${most}` : "Nothing selected";
    this.ui.first.textContent = chosen.size > 1 ? `Upload ${chosen.size}` : "Upload";
    this.ui.first.disabled = !some;
    this.ui.second.textContent = "Deselect all";
    this.ui.second.hidden = !some;
  }

  #crumb() {
    const parts = stepsOf(this.path);
    const steps = [{ name: "Dropbox", path: "/" }];
    parts.forEach((name, index) => steps.push({ name, path: `/${parts.slice(0, index + 1).join("/")}/` }));
    const last = steps.length - 1;
    this.ui.crumbs.replaceChildren(...steps.map(({ name, path }, index) => {
      const here = index === last;
      const link = h("button", { class: "lp-crumb", attrs: { type: "button", ...(here ? { "aria-current": "page" } : {}) }, on: { click: () => this.#enter(path) } }, isolated(name));
      return h("li", {}, link, here ? null : icon("chevron"));
    }));
    this.ui.up.disabled = parts.length === 0;
    this.ui.crumbs.parentElement?.scrollTo({ left: 100_000 });
  }

  /** @param {boolean} grid */
  #view(grid) {
    this.listing.asGrid(grid);
    const label = grid ? "Show as list" : "Show as grid";
    this.ui.view.replaceChildren(icon(grid ? "list" : "grid"));
    this.ui.view.setAttribute("aria-label", label);
    this.ui.view.title = label;
    this.#remember();
  }

  #remember() {
    keep(this.memory, JSON.stringify({ path: this.path, grid: this.listing.grid }));
  }

  /** @param {string} words */
  #say(words) {
    this.ui.live.textContent = words;
  }

  // ---- Looking around ----

  /** @param {string} path */
  #enter(path) {
    this.path = path;
    this.search = "";
    this.ui.box.value = "";
    this.#load();
  }

  #up() {
    if (this.search) return this.#enter(this.path);
    const parts = stepsOf(this.path);
    if (parts.length > 0) this.#enter(`/${parts.slice(0, -1).map((part) => `${part}/`).join("")}`);
  }

  /** Lists the folder, or finds what is searched for, from the start. */
  async #load() {
    const signal = this.#fresh();
    const searching = this.search !== "";
    this.#crumb();
    // What is found comes best first.
    this.ui.sorts.disabled = searching;
    // A search that goes on keeps what it has found so far in sight.
    if (!searching) this.#screen("files", skeleton());
    this.ui.body.setAttribute("aria-busy", "true");
    try {
      const wish = { path: this.path, accept: this.accept, ...(searching ? { search: this.search } : {}) };
      const answer = await this.cloud.list(wish, signal);
      if ("auth" in answer) return this.#connect(answer.auth, answer.auth.reason);
      const { contents, next } = answer.listing;
      this.next = next;
      this.listing.sort = searching ? "found" : /** @type {import("./listing.js").Sort} */ (this.ui.sorts.value);
      this.listing.show(contents, next !== "");
      if (contents.length === 0 && !next) this.#empty(searching);
      else this.#screen("files", this.listing.element);
      this.#say(`${searching ? `${counted(contents.length, "result")}` : counted(contents.length, "entry", "entries")}${next ? ", and more" : ""}`);
      if (!searching) this.listing.focus();
      this.#remember();
      this.#whoIsIt();
    } catch (error) {
      if (!signal.aborted) this.#fault(error);
    } finally {
      if (!signal.aborted) this.ui.body.setAttribute("aria-busy", "false");
    }
  }

  /** @param {boolean} searching */
  #empty(searching) {
    const title = searching ? "Nothing found" : "This folder is empty";
    const where = this.path === "/" ? "your Dropbox" : "this folder";
    const text = searching ? `No name in ${where} has “${this.search}” in it.` : "There is nothing in it to pick.";
    this.#screen("files", notice({ mark: searching ? "search" : "dropbox", title, text }));
  }

  async #more() {
    if (!this.next || this.fetching) return;
    const { signal } = this.under;
    this.fetching = true;
    try {
      const answer = await this.cloud.list({ path: this.path, next: this.next, accept: this.accept }, signal);
      if ("auth" in answer) return this.#connect(answer.auth, answer.auth.reason);
      const { contents, next, restarted } = answer.listing;
      this.next = next;
      if (restarted) this.listing.show(contents, next !== "");
      else this.listing.add(contents, next !== "");
      this.#say(`${counted(this.listing.entries.length, "entry", "entries")}${next ? ", and more" : ""}`);
    } catch (error) {
      if (!signal.aborted) this.#fault(error);
    } finally {
      this.fetching = false;
    }
  }

  #sort() {
    this.listing.sort = /** @type {import("./listing.js").Sort} */ (this.ui.sorts.value);
    this.listing.render();
  }

  #searchSoon() {
    clearTimeout(this.letters);
    this.letters = setTimeout(() => {
      const wanted = this.ui.box.value.trim();
      if (wanted === this.search) return;
      this.search = wanted;
      this.#load();
    }, LETTERS_MS);
  }

  /** @param {KeyboardEvent} event */
  #searchKey(event) {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      this.listing.focus();
    } else if (event.key === "Escape" && this.ui.box.value) {
      // Empties the box and leaves the picker open.
      event.preventDefault();
      event.stopPropagation();
      this.ui.box.value = "";
      this.#searchSoon();
    }
  }

  /** @param {string} letter */
  #type(letter) {
    this.ui.box.focus();
    if (letter === "/") return;
    this.ui.box.value += letter;
    this.#searchSoon();
  }

  /** @param {unknown} error */
  #fault(error) {
    const signal = this.#fresh();
    const again = () => this.#load();
    this.#screen("other", errorScreen(error, again));
    /** @type {HTMLElement | null} */ (this.ui.body.querySelector(".lp-primary"))?.focus();
    if (!(error instanceof CloudError)) return;
    if (error.code === "unreachable") window.addEventListener("online", again, { once: true, signal });
    if (error.wait) {
      const left = error.wait - 1;
      const timer = setTimeout(() => (left > 0 ? this.#fault(new CloudError(error.code, error.message, left, error.request)) : again()), 1000);
      signal.addEventListener("abort", () => clearTimeout(timer));
    }
  }

  // ---- Connecting ----

  /**
   * @param {Auth} auth
   * @param {string} [code]
   * @param {string} [message]
   */
  #connect(auth, code, message) {
    const signal = this.#fresh();
    this.auth = auth;
    this.ui.who.textContent = "";
    this.ui.dialog.classList.remove("lp-known");
    this.#screen("other", connectScreen({ code, message, onConnect: () => this.#popup() }));
    this.ui.body.setAttribute("aria-busy", "false");
    /** @type {HTMLElement | null} */ (this.ui.body.querySelector(".lp-primary"))?.focus();
    if (code && code !== "none") this.#say(this.ui.body.querySelector("h3")?.textContent ?? "");
    // Learns the server's time, so that the wait for this try does not hear of an earlier one.
    this.cloud.status({}, signal).catch(() => {});
    const stale = setTimeout(() => this.#load(), LINK_LIFE_MS);
    signal.addEventListener("abort", () => clearTimeout(stale));
  }

  /** In the click itself, so that the browser lets the window open. */
  #popup() {
    const auth = this.auth;
    if (!auth) return;
    const opened = openPopup(auth.redirect_url);
    const signal = this.#fresh();
    const waiting = waitingScreen({
      blocked: !opened,
      onOpen: () => this.#popup(),
      onHere: () => this.#here(),
      onCancel: () => this.#connect(auth),
    });
    this.#screen("other", waiting);
    /** @type {HTMLElement | null} */ (this.ui.body.querySelector("button"))?.focus();
    if (opened) this.#await(signal);
  }

  /** @param {AbortSignal} signal */
  async #await(signal) {
    try {
      const end = await connected(this.cloud, signal);
      if (end.connected) {
        tell("connected", {});
        return this.#load();
      }
      tell("refused", { code: end.code, message: end.message });
      const fresh = await this.cloud.list({ path: this.path }, signal);
      if ("auth" in fresh) this.#connect(fresh.auth, end.code, end.message);
      else this.#load();
    } catch (error) {
      if (!signal.aborted) this.#fault(error);
    }
  }

  /** Goes to Dropbox in this tab; the server sends the person back to this page. */
  async #here() {
    const back = new URL(location.href);
    back.searchParams.set("fs-tab", "init");
    try {
      const answer = await this.cloud.list({ path: "/", appurl: back.href }, this.#fresh());
      if ("auth" in answer) location.assign(answer.auth.redirect_url);
      else this.#load();
    } catch (error) {
      this.#fault(error);
    }
  }

  async #whoIsIt() {
    if (this.ui.dialog.classList.contains("lp-known")) return;
    const { dropbox } = await this.cloud.status().catch(() => ({ dropbox: { connected: false, account: undefined } }));
    if (!dropbox.connected) return;
    this.ui.dialog.classList.add("lp-known");
    this.ui.who.replaceChildren(isolated(dropbox.account?.email ?? ""));
    this.ui.who.title = dropbox.account?.name ?? "";
    tell("known", { account: dropbox.account });
  }

  async #leave() {
    this.listing.clear();
    const signal = this.#fresh();
    this.#screen("other", notice({ mark: "dropbox", busy: true, title: "Signing out", text: "" }));
    try {
      await this.cloud.logout();
      tell("left", {});
      this.path = "/";
      this.#load();
    } catch (error) {
      if (!signal.aborted) this.#fault(error);
    }
  }

  // ---- Taking ----

  #upload() {
    const entries = [...this.listing.chosen.values()];
    if (entries.length === 0) return;
    this.#fresh();
    const storing = new Storing(this.cloud, entries, {
      changed: () => this.storing && this.#foot(),
      say: (words) => this.#say(words),
      tell,
    });
    this.storing = storing;
    this.#screen("storing", storing.element);
    this.ui.first.focus();
    storing.go();
  }

  /** @param {Storing} storing */
  #soonDone(storing) {
    this.closing ??= setTimeout(() => this.#finish(storing.result), DONE_MS);
  }

  #first() {
    const storing = this.storing;
    if (!storing) return this.#upload();
    storing.stop();
    this.#finish(storing.result);
  }

  #second() {
    if (!this.storing) return this.listing.clear();
    // What was stored stays stored; what failed may be chosen again.
    const left = this.storing.result.filesFailed.map((file) => file.originalPath);
    for (const path of [...this.listing.chosen.keys()]) if (!left.includes(path)) this.listing.chosen.delete(path);
    this.earlier = [...this.earlier, ...this.storing.result.filesUploaded];
    this.storing = null;
    this.#load();
  }

  // ---- Leaving ----

  /** @param {Event} event */
  #escape(event) {
    event.preventDefault();
    if (event.target === this.ui.dialog && !this.storing) this.#close();
  }

  #close() {
    if (this.storing) return this.#first();
    this.#finish({ filesUploaded: [], filesFailed: [] });
  }

  /** @param {PickResult} result */
  #finish(result) {
    this.under.abort();
    clearTimeout(this.closing);
    clearTimeout(this.letters);
    this.listing.watcher.disconnect();
    this.ui.dialog.close();
    this.ui.dialog.remove();
    if (this.before instanceof HTMLElement) this.before.focus();
    this.done({ ...result, filesUploaded: [...this.earlier, ...result.filesUploaded] });
  }
}

/**
 * The names of the folders that a path leads through.
 * @param {string} path
 * @returns {string[]}
 */
function stepsOf(path) {
  return path.split("/").filter(Boolean);
}

/**
 * @param {string} name
 * @param {object} about
 */
function tell(name, about) {
  document.dispatchEvent(new CustomEvent("longshore", { detail: { name, ...about } }));
}

