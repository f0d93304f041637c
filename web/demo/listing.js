// The files of a folder: shown as list or grid, chosen by mouse, thumb or keyboard.

import { counted, day, h, humanSize, icon, isolated } from "./dom.js";

/** @typedef {import("./cloud.js").Entry} Entry */

/**
 * @typedef {object} Hopes What the picker does for the listing.
 * @property {(entry: Entry) => void} open opens a folder
 * @property {() => void} up leaves the folder
 * @property {() => void} more asks for the next page
 * @property {() => void} changed the choice has changed
 * @property {() => void} upload takes what is chosen
 * @property {(letter: string) => void} type starts a search
 * @property {(words: string) => void} say tells a screen reader
 */

export const SORTS = {
  name: "Name",
  modified: "Last changed",
  size: "Size",
};

/** @typedef {keyof typeof SORTS} Sort */

const NATURAL = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** @type {Record<keyof typeof SORTS, (a: Entry, b: Entry) => number>} */
const ORDERS = {
  name: (a, b) => NATURAL.compare(a.name, b.name),
  modified: (a, b) => (b.modified ?? "").localeCompare(a.modified ?? ""),
  size: (a, b) => b.bytes - a.bytes,
};

/** Why a file cannot be chosen; nothing when it can. @param {Entry} entry */
function obstacle(entry) {
  if (entry.folder || entry.downloadable) return "";
  return entry.export_as ? "" : "This document cannot be downloaded from Dropbox";
}

export class Listing {
  /**
   * @param {number} maxFiles
   * @param {Hopes} hopes
   */
  constructor(maxFiles, hopes) {
    this.maxFiles = maxFiles;
    this.hopes = hopes;
    /** @type {Map<string, Entry>} chosen files by path, over all folders */
    this.chosen = new Map();
    /** @type {Entry[]} in the order they came */
    this.entries = [];
    /** @type {Entry[]} in the order they are shown */
    this.shown = [];
    /** @type {keyof typeof SORTS | "found"} */
    this.sort = "name";
    this.grid = false;
    this.at = 0;
    this.anchor = 0;
    this.more = false;
    this.end = h("li", { class: "lp-end", attrs: { role: "presentation" } });
    this.list = h("ul", {
      class: "lp-list",
      attrs: { role: "listbox", "aria-multiselectable": String(maxFiles > 1), "aria-label": "Files and folders", tabindex: "0" },
      on: {
        keydown: (event) => this.#key(event),
        click: (event) => this.#click(event),
        dblclick: (event) => this.#doubleClick(event),
      },
    });
    this.element = h("div", { class: "lp-scroll" }, this.list);
    this.watcher = new IntersectionObserver((seen) => {
      if (this.more && seen.some((one) => one.isIntersecting)) this.hopes.more();
    }, { root: this.element, rootMargin: "400px" });
    this.watcher.observe(this.end);
  }

  /**
   * Shows a folder's first page.
   * @param {Entry[]} entries
   * @param {boolean} more
   */
  show(entries, more) {
    this.entries = entries;
    this.at = 0;
    this.anchor = 0;
    this.more = more;
    this.element.scrollTop = 0;
    this.render();
  }

  /**
   * Adds a further page.
   * @param {Entry[]} entries
   * @param {boolean} more
   */
  add(entries, more) {
    this.entries = this.entries.concat(entries);
    this.more = more;
    this.render();
  }

  /** @param {boolean} grid */
  asGrid(grid) {
    this.grid = grid;
    this.element.classList.toggle("lp-grid", grid);
  }

  render() {
    const entries = [...this.entries];
    if (this.sort !== "found") {
      const order = ORDERS[this.sort];
      entries.sort((a, b) => Number(b.folder) - Number(a.folder) || order(a, b));
    }
    this.shown = entries;
    this.at = Math.min(this.at, Math.max(0, entries.length - 1));
    this.end.textContent = this.more ? "Loading more" : "";
    this.list.replaceChildren(...entries.map((entry, index) => this.#row(entry, index)), this.end);
    this.#mark();
  }

  /** Lets go of everything chosen. */
  clear() {
    this.chosen.clear();
    this.#refresh();
  }

  focus() {
    this.list.focus({ preventScroll: true });
  }

  /**
   * @param {Entry} entry
   * @param {number} index
   */
  #row(entry, index) {
    const why = obstacle(entry);
    const row = h("li", {
      class: "lp-row",
      attrs: {
        id: `lp-entry-${index}`,
        role: "option",
        "aria-selected": String(this.chosen.has(entry.path)),
      },
    },
      h("span", { class: "lp-tick", attrs: { "aria-hidden": "true" } }, entry.folder ? null : icon("check")),
      h("span", { class: `lp-thumb${entry.thumb_exists ? " lp-photo" : ""}` },
        h("img", { attrs: { src: entry.thumbnail, alt: entry.folder ? "Folder" : "", loading: "lazy", decoding: "async", draggable: "false" } })),
      h("span", { class: "lp-name" }, isolated(entry.name)),
      h("span", { class: "lp-size", text: entry.folder ? "" : humanSize(entry.bytes) }),
      h("span", { class: "lp-day", text: day(entry.modified) }),
      h("span", { class: "lp-into", attrs: { "aria-hidden": "true" } }, entry.folder ? icon("chevron") : null),
    );
    row.dataset["index"] = String(index);
    if (why) {
      row.setAttribute("aria-disabled", "true");
      row.title = why;
    }
    return row;
  }

  /** @param {number} index */
  #element(index) {
    return this.list.children[index];
  }

  #mark() {
    this.list.querySelector(".lp-at")?.classList.remove("lp-at");
    const row = this.shown.length > 0 ? this.#element(this.at) : undefined;
    if (!row) {
      this.list.removeAttribute("aria-activedescendant");
      return;
    }
    row.classList.add("lp-at");
    this.list.setAttribute("aria-activedescendant", row.id);
  }

  #refresh() {
    this.shown.forEach((entry, index) => {
      this.#element(index)?.setAttribute("aria-selected", String(this.chosen.has(entry.path)));
    });
    this.hopes.changed();
  }

  /** @param {number} index */
  #go(index) {
    if (this.shown.length === 0) return;
    this.at = Math.max(0, Math.min(this.shown.length - 1, index));
    this.#mark();
    this.#element(this.at)?.scrollIntoView({ block: "nearest" });
  }

  /** How many stand beside each other. */
  #columns() {
    if (!this.grid || this.shown.length === 0) return 1;
    const tops = this.shown.map((_, index) => /** @type {HTMLElement} */ (this.#element(index)).offsetTop);
    const next = tops.findIndex((top) => top !== tops[0]);
    return next === -1 ? tops.length : next;
  }

  /**
   * Chooses a file, or lets it go.
   * @param {Entry} entry
   * @param {boolean} [wanted]
   */
  #choose(entry, wanted) {
    const why = obstacle(entry);
    if (entry.folder || why) {
      if (why) this.hopes.say(why);
      return;
    }
    const take = wanted ?? !this.chosen.has(entry.path);
    if (!take) {
      this.chosen.delete(entry.path);
    } else if (this.maxFiles === 1) {
      this.chosen.clear();
      this.chosen.set(entry.path, entry);
    } else if (this.chosen.size < this.maxFiles || this.chosen.has(entry.path)) {
      this.chosen.set(entry.path, entry);
    } else {
      this.hopes.say(`At most ${counted(this.maxFiles, "file")} can be chosen`);
    }
    this.#refresh();
  }

  /**
   * Chooses everything from where a choice began to here.
   * @param {number} index
   */
  #chooseTo(index) {
    const [from, to] = [Math.min(this.anchor, index), Math.max(this.anchor, index)];
    for (const entry of this.shown.slice(from, to + 1)) this.#choose(entry, true);
  }

  /** @param {Event} event */
  #indexOf(event) {
    const row = event.target instanceof Element ? event.target.closest(".lp-row") : null;
    return row instanceof HTMLElement ? Number(row.dataset["index"]) : -1;
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const index = this.#indexOf(event);
    const entry = this.shown[index];
    if (!entry) return;
    this.#go(index);
    if (entry.folder) return this.hopes.open(entry);
    if (event.shiftKey && this.maxFiles > 1) return this.#chooseTo(index);
    this.anchor = index;
    this.#choose(entry);
  }

  /** @param {MouseEvent} event */
  #doubleClick(event) {
    const entry = this.shown[this.#indexOf(event)];
    if (!entry || entry.folder || this.maxFiles > 1) return;
    // The two clicks chose it and let it go.
    this.#choose(entry, true);
    if (this.chosen.size > 0) this.hopes.upload();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const entry = this.shown[this.at];
    const across = this.grid ? 1 : 0;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => this.#go(this.at + this.#columns()),
      ArrowUp: () => this.#go(this.at - this.#columns()),
      ArrowRight: () => this.#go(this.at + across),
      ArrowLeft: () => (event.altKey ? this.hopes.up() : this.#go(this.at - across)),
      PageDown: () => this.#go(this.at + 10 * this.#columns()),
      PageUp: () => this.#go(this.at - 10 * this.#columns()),
      Home: () => this.#go(0),
      End: () => this.#go(this.shown.length - 1),
      Backspace: () => this.hopes.up(),
      " ": () => entry && this.#space(entry, event.shiftKey),
      Enter: () => entry && this.#enter(entry, event.ctrlKey || event.metaKey),
    };
    const act = keys[event.key];
    if (act) {
      event.preventDefault();
      act();
    } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      this.hopes.type(event.key);
    }
  }

  /** @param {Entry} entry @param {boolean} range */
  #space(entry, range) {
    if (entry.folder) return this.hopes.open(entry);
    if (range && this.maxFiles > 1) return this.#chooseTo(this.at);
    this.anchor = this.at;
    this.#choose(entry);
  }

  /** @param {Entry} entry @param {boolean} now */
  #enter(entry, now) {
    if (entry.folder) return this.hopes.open(entry);
    if (!now) return this.#choose(entry);
    this.#choose(entry, true);
    this.hopes.upload();
  }
}

/** Rows of the right height while a folder is on its way. */
export function skeleton() {
  const row = () => h("li", { class: "lp-row lp-ghost", attrs: { "aria-hidden": "true" } },
    h("span", { class: "lp-tick" }), h("span", { class: "lp-thumb" }), h("span", { class: "lp-name" }, h("i")), h("span", { class: "lp-size" }, h("i")));
  return h("div", { class: "lp-scroll", attrs: { "aria-label": "Loading", role: "status" } },
    h("ul", { class: "lp-list" }, ...Array.from({ length: 9 }, row)));
}
