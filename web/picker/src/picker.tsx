/**
 * One picker of a page: opens in a shadow root of its own, closes without a trace, and can be
 * opened again. The doors (filestack-js, longshore.js, the npm package) all come through here.
 */

import { render } from "preact";
import { App, type Happening } from "./app.js";
import { call } from "./calls.js";
import { listenForDrops, listenForPastes } from "./drops.js";
import { keep, recall } from "./memory.js";
import type * as PaneModule from "./pane.js";
import { readOptions, type Complaint, type PickerHandle, type PickerOptions, type Settings } from "./options.js";
import type { PickResult } from "./result.js";
import { RETURN_PARAMETER } from "./sources/dropbox/connecting.js";
import { Server, type Security, type TokenPlace } from "./server/server.js";
import styles from "./styles/picker.css?inline";
import { Frame } from "./views/frame.js";
import { wordsOf, type Words } from "./words/words.js";

/** Which server, and as which application. */
export interface Account {
  url: string;
  apikey: string;
  security?: Security | undefined;
  /** Where the session is kept; the page's own storage when absent. */
  token?: TokenPlace;
}

/** Warnings that were given on this page: each once. */
const warned = new Set<string>();

function warn(sentence: string): void {
  if (warned.has(sentence)) return;
  warned.add(sentence);
  console.warn(`longshore: ${sentence}`);
}

/** Tells the page's developer what is wrong with its options. */
function complain(about: Complaint): void {
  import("./complaints.js").then(({ inWords }) => warn(inWords(about)), () => warn(JSON.stringify(about)));
}

/** The session in the page's own storage, one for each application. */
export function keptToken(apikey: string): TokenPlace {
  const name = `longshore.session.${apikey}`;
  return { get: () => recall(name), set: (token) => keep(name, token) };
}

let sheet: CSSStyleSheet | undefined;

function styleSheet(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
  }
  return sheet;
}

interface Shown {
  /** Ends what listens on the page. */
  ends: (() => void)[];
  app: App;
  host: HTMLElement;
  dialog: HTMLDialogElement | undefined;
}

export class Picker implements PickerHandle {
  readonly #server: Server;
  readonly #settings: Settings;
  readonly #given: Record<string, unknown>;
  #opening: Promise<void> | undefined;
  #shown: Shown | undefined;
  #pane: { host: HTMLElement; pane: PaneModule.Pane } | undefined;
  #before: Element | null = null;

  constructor(account: Account, options: PickerOptions = {}) {
    this.#given = { ...options };
    this.#server = new Server({ ...account, token: account.token ?? keptToken(account.apikey) });
    this.#settings = readOptions(this.#given, complain);
  }

  /** Opens the picker; does nothing where it is open. */
  async open(): Promise<void> {
    if (this.#shown) return;
    this.#opening ??= this.#open();
    try {
      await this.#opening;
    } finally {
      this.#opening = undefined;
    }
  }

  /** Closes the picker; uploads that run are given up. */
  async close(): Promise<void> {
    // That it did not open was told to whoever opened it.
    await this.#opening?.catch(() => undefined);
    this.#shown?.app.close();
    this.#closePane();
  }

  /** Gives up every upload that runs, and closes. */
  async cancel(): Promise<void> {
    await this.#opening?.catch(() => undefined);
    this.#shown?.app.giveUp();
    this.#pane?.pane.cancel();
  }

  async crop(): Promise<void> {
    warn("crop is not honored: only what is picked can be edited");
    return Promise.resolve();
  }

  async #open(): Promise<void> {
    const settings = this.#settings;
    const words = await wordsOf(settings.lang, settings.customText, warn);
    if (settings.displayMode === "dropPane") {
      this.#openPane(await import("./pane.js"), settings, words);
      return;
    }
    this.#before = document.activeElement;
    const host = document.createElement("div");
    const inline = settings.displayMode === "inline";
    host.id = settings.rootId;
    if (settings.theme && settings.theme !== "auto") host.dataset["theme"] = settings.theme;
    if (inline) host.dataset["inline"] = "";
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styleSheet()];
    const app = new App({
      server: this.#server,
      settings,
      words,
      handle: this,
      leave: () => this.#leave(),
      hide: (hidden) => this.#hide(hidden),
      announce: announcedOn(host),
    });
    const title = words.t("Select Files to Upload");
    const wrap = inline ? document.createElement("div") : document.createElement("dialog");
    wrap.className = inline ? "inline" : "overlay";
    wrap.setAttribute("part", inline ? "inline" : "dialog");
    wrap.setAttribute("role", inline ? "region" : "dialog");
    if (!inline) wrap.setAttribute("aria-modal", "true");
    wrap.setAttribute("aria-label", title);
    const [width, height] = settings.modalSize ?? [];
    if (width) wrap.style.setProperty("--width", `${width}px`);
    if (height) wrap.style.setProperty("--height", `${height}px`);
    root.append(wrap);
    keepToItself(host);
    placeFor(settings).append(host);
    const dialog = wrap instanceof HTMLDialogElement ? wrap : undefined;
    const ends = app.device ? listenForFiles(app, settings, host, wrap) : [];
    this.#shown = { app, host, dialog, ends };
    forgetReturn();
    render(<Frame app={app} inline={inline} />, wrap);
    if (dialog) this.#listen(dialog, app);
    this.#announce();
    app.begin();
  }

  /** A pane stays in the page until it is closed; each drop is a pick of its own. */
  #openPane({ Pane, PaneView }: typeof PaneModule, settings: Settings, words: Words): void {
    if (this.#pane) return;
    const host = document.createElement("div");
    host.dataset["inline"] = "";
    host.dataset["pane"] = "";
    if (settings.theme && settings.theme !== "auto") host.dataset["theme"] = settings.theme;
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styleSheet()];
    const wrap = document.createElement("div");
    wrap.className = "around";
    root.append(wrap);
    placeFor(settings).append(host);
    const make = (settings: Settings, leave: () => void) =>
      new App({ server: this.#server, settings, words, handle: this, leave, hide: () => undefined, announce: announcedOn(host) });
    const pane = new Pane({ options: settings.dropPane ?? {}, settings, words, make });
    this.#pane = { host, pane };
    render(<PaneView pane={pane} />, wrap);
    call(settings, "onOpen", this);
    this.#announce();
  }

  #closePane(): void {
    const shown = this.#pane;
    if (!shown) return;
    this.#pane = undefined;
    shown.pane.cancel();
    const wrap = shown.host.shadowRoot?.firstElementChild;
    if (wrap) render(null, wrap);
    shown.host.remove();
    call(this.#settings, "onClose");
  }

  #listen(dialog: HTMLDialogElement, app: App): void {
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      if (app.asking) app.stay();
      else if (app.screen === "edit") app.go("selected");
      else if (app.screen === "selected") app.go("source");
      else app.wantsToLeave();
    });
    dialog.addEventListener("click", (event) => {
      // Beside the picker; what was chosen is not lost by a slip.
      const idle = app.selection.count === 0 && app.queue.transfers.length === 0;
      if (event.target === dialog && idle) app.close();
    });
    dialog.addEventListener("keydown", (event) => keepFocus(dialog, event));
    dialog.showModal();
  }

  #leave(): void {
    const shown = this.#shown;
    if (!shown) return;
    this.#shown = undefined;
    for (const end of shown.ends) end();
    const wrap = shown.host.shadowRoot?.firstElementChild;
    shown.dialog?.close();
    if (wrap) render(null, wrap);
    shown.host.remove();
    if (shown.dialog && this.#before instanceof HTMLElement) this.#before.focus({ preventScroll: true });
  }

  #hide(hidden: boolean): void {
    const dialog = this.#shown?.dialog;
    if (!dialog) return;
    if (hidden && dialog.open) dialog.close();
    else if (!hidden && !dialog.open) dialog.showModal();
  }

  /** Tells the server that a picker opens; a webhook may want to know. Opens all the same. */
  #announce(): void {
    const config = Object.fromEntries(Object.entries(this.#given).filter(([, value]) => typeof value !== "function" && !(value instanceof Node)));
    this.#server.post("/prefetch", { events: ["picker"], picker_config: config }).catch(() => undefined);
  }
}

/** Resolves with the result once the picker has closed. */
export function pick(account: Account, options: PickerOptions = {}): { picker: Picker; result: Promise<PickResult> } {
  let done: PickResult = { filesUploaded: [], filesFailed: [] };
  let settle: (result: PickResult) => void = () => undefined;
  const result = new Promise<PickResult>((resolve) => (settle = resolve));
  const picker = new Picker(account, {
    ...options,
    onUploadDone: (result) => {
      done = result;
      options.onUploadDone?.(result);
    },
    onClose: () => {
      options.onClose?.();
      settle(done);
    },
  });
  return { picker, result };
}

/** What happens, as an event for whoever listens further up. */
function announcedOn(host: HTMLElement) {
  return (detail: Happening) => void host.dispatchEvent(new CustomEvent("longshore", { detail, bubbles: true }));
}

function placeFor(settings: Settings): Element {
  const { container } = settings;
  if (settings.displayMode === "overlay" || !container) return document.body;
  if (typeof container !== "string") return container;
  const found = document.getElementById(container) ?? document.querySelector(container);
  if (!found) throw new Error(`longshore: there is no container ${container}`);
  return found;
}

/** Files that are dropped on the picker or pasted while it is there. */
function listenForFiles(app: App, settings: Settings, host: HTMLElement, wrap: HTMLElement): (() => void)[] {
  const inline = settings.displayMode === "inline";
  const place: EventTarget = inline && settings.globalDropZone ? window : wrap;
  const { pasteToFirstInViewPort, pasteToFirstInstance } = settings.pasteMode ?? {};
  const anywhere = !inline || pasteToFirstInViewPort === true || pasteToFirstInstance === true;
  return [
    listenForDrops(place, { over: (is) => app.hang(is), takes: () => app.takesDrops, give: (data) => app.give(data) }),
    listenForPastes((event) => app.takesDrops && (anywhere || event.composedPath().includes(host)), (data) => app.give(data)),
  ];
}

/** The page's own shortcuts and focus traps hear nothing of what happens in the picker. */
function keepToItself(host: HTMLElement): void {
  for (const name of ["keydown", "keyup", "keypress", "focusin", "focusout"]) {
    host.addEventListener(name, (event) => event.stopPropagation());
  }
}

/** Keeps Tab within the picker: the browser's own trap lets it out to the browser's bars. */
function keepFocus(dialog: HTMLElement, event: KeyboardEvent): void {
  if (event.key !== "Tab") return;
  const scope = dialog.querySelector<HTMLElement>(".ask") ?? dialog;
  const all = [...scope.querySelectorAll<HTMLElement>("button, input, a[href], summary, [tabindex='0']")];
  const reachable = all.filter((one) => !one.matches(":disabled") && one.checkVisibility({ visibilityProperty: true }));
  const root = dialog.getRootNode() as ShadowRoot;
  const [first, last] = [reachable[0], reachable.at(-1)];
  const active = root.activeElement;
  const inside = active !== null && scope.contains(active) && active !== dialog;
  const leaving = !inside || (event.shiftKey ? active === first : active === last);
  if (!leaving) return;
  event.preventDefault();
  (event.shiftKey ? last : first)?.focus();
}

/** Back from Dropbox in this very tab: the mark in the address has done its work. */
function forgetReturn(): void {
  const here = new URL(location.href);
  if (!here.searchParams.has(RETURN_PARAMETER)) return;
  here.searchParams.delete(RETURN_PARAMETER);
  history.replaceState(history.state, "", here);
}
