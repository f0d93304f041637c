/**
 * A person's Dropbox as a source: connected or not, which folder is shown, what is searched for.
 * The states of a visit live here; `view.tsx` draws them.
 */

import type { App } from "../../app.js";
import { Emitter } from "../../emitter.js";
import { keep, recallHabits, type Habits } from "../../memory.js";
import { storeOf } from "../../options.js";
import { Cloud, type Account, type CloudAuth, type CloudEntry } from "../../server/cloud.js";
import { asRefusal, UNREACHABLE, type Refusal } from "../../server/server.js";
import { networkOr, pause } from "../../time.js";
import { CloudCopies } from "../../transfers/cloud_copy.js";
import { loadReasons } from "../../views/reasons.js";
import { obstacleOf } from "../obstacle.js";
import type { Item, Source, WholeFolder } from "../source.js";
import { connected, isInApp, LINK_LIFE_MS, openPopup, returnAddress } from "./connecting.js";
import { Folder, type Page } from "./folder.js";
import { SORTS, type Sort } from "./order.js";
import { dropboxView } from "./view.js";

/** What the visit has come to. */
export type Visit =
  | { kind: "loading" }
  | { kind: "connect"; auth: CloudAuth; code: string | undefined; message: string | undefined }
  | { kind: "popup"; auth: CloudAuth; blocked: boolean; closed: boolean }
  | { kind: "leaving" }
  | { kind: "folder"; folder: Folder }
  /** `until`: goes on by itself then. */
  | { kind: "trouble"; why: Refusal; until: number | undefined };

/** How long a search waits for the next letter. */
const LETTERS_MS = 180;
/** How often a popup is looked at, whether it was closed. */
const POPUP_LOOK_MS = 500;

export class Dropbox extends Emitter implements Source {
  readonly name = "dropbox";
  readonly label = "Dropbox";
  readonly icon = "dropbox";
  readonly carrier: CloudCopies;
  readonly app: App;
  visit: Visit = { kind: "loading" };
  account: Account | undefined;
  path = "/";
  search = "";
  grid: boolean;
  sort: Sort = "name";
  reverse = false;
  /** A search whose first answer is not there yet; what was found before stays in sight. */
  searching = false;
  /** False once the server has said that it cannot list a folder whole. */
  takesFolders = true;
  readonly #cloud: Cloud;
  readonly #memory: string;
  #under = new AbortController();
  #letters: ReturnType<typeof setTimeout> | undefined;
  #begun = false;
  /** The folder shown was remembered and not chosen: it may be gone without a word about it. */
  #fromMemory = true;

  constructor(app: App) {
    super();
    this.app = app;
    this.#cloud = new Cloud(app.server);
    const tags = app.settings.uploadConfig?.tags;
    const texts = Object.entries(tags ?? {}).filter((tag): tag is [string, string] => typeof tag[1] === "string");
    this.carrier = new CloudCopies(this.#cloud, {
      store: storeOf(app.settings),
      tags: texts.length > 0 ? Object.fromEntries(texts) : undefined,
    });
    this.#memory = `longshore.dropbox.${app.server.apikey}`;
    const habits = recallHabits(this.#memory);
    this.path = habits.path ?? "/";
    this.grid = habits.grid ?? app.settings.viewType === "grid";
    this.sort = SORTS.find((sort) => sort === habits.sort) ?? "name";
  }

  get browsing(): boolean {
    return this.visit.kind === "folder" || this.visit.kind === "loading";
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    void this.#load();
  }

  end(): void {
    clearTimeout(this.#letters);
    this.#under.abort();
  }

  view() {
    return dropboxView(this);
  }

  // ---- Looking around ----

  /** Shows a folder. */
  enter(path: string): void {
    this.#fromMemory = false;
    this.path = path;
    this.search = "";
    this.searching = false;
    clearTimeout(this.#letters);
    void this.#load();
  }

  /** Shows the folder above; a search ends first. */
  up(): void {
    if (this.search !== "") this.enter(this.path);
    else if (this.path !== "/") this.enter(parentOf(this.path));
  }

  /** Lists again what is shown. */
  again(): void {
    void this.#load();
  }

  /** Finds names, once the letters stop coming. */
  find(words: string): void {
    clearTimeout(this.#letters);
    this.#letters = setTimeout(() => {
      const wanted = words.trim();
      if (wanted === this.search) return;
      this.search = wanted;
      void this.#load();
    }, LETTERS_MS);
  }

  show(grid: boolean): void {
    this.grid = grid;
    this.#remember();
    this.changed();
  }

  /** Orders by `sort`; the same again turns the order. */
  sortBy(sort: Sort, reverse = sort === this.sort ? !this.reverse : false): void {
    this.sort = sort;
    this.reverse = reverse;
    if (this.visit.kind === "folder" && this.search === "") this.visit.folder.sortBy(this.#order());
    this.#remember();
    this.changed();
  }

  async wholeFolder(folder: Item, limit: number): Promise<WholeFolder> {
    try {
      const answer = await this.#cloud.filesOf(folder.path, limit, this.app.settings.accept);
      return { files: answer.files.map((entry) => this.#item(entry)), bytes: answer.bytes, more: answer.more };
    } catch (error) {
      const refusal = asRefusal(error);
      if (["not-found", "not-implemented", "method-not-allowed"].includes(refusal.code)) {
        this.takesFolders = false;
        this.changed();
      }
      throw refusal;
    }
  }

  async #load(): Promise<void> {
    const signal = this.#fresh();
    const [path, search] = [this.path, this.search];
    if (search === "") this.visit = { kind: "loading" };
    else this.searching = true;
    this.changed();
    const folder = new Folder((next, signal) => this.#page(path, search, next, signal), signal, search ? undefined : this.#order());
    try {
      await folder.begin();
      if (signal.aborted) return;
      this.visit = { kind: "folder", folder };
      this.searching = false;
      this.#remember();
      this.#announce(folder);
      this.app.connected(this);
      void this.#whoIsIt();
    } catch (error) {
      if (signal.aborted) return;
      this.searching = false;
      if (error instanceof AuthNeeded) this.#connect(error.auth, error.auth.reason, undefined);
      else if (asRefusal(error).code === "path-not-found" && this.#fromMemory) this.enter("/");
      else this.#trouble(asRefusal(error), signal);
    }
    this.changed();
  }

  async #page(path: string, search: string, next: string, signal: AbortSignal): Promise<Page> {
    const wish = { path, ...(next ? { next } : {}), ...(search ? { search } : {}) };
    const answer = await this.#cloud.list(wish, { signal });
    if ("auth" in answer) {
      // In the middle of a listing the grant was withdrawn: there is nothing more to see.
      if (next) this.#connect(answer.auth, answer.auth.reason, undefined);
      throw new AuthNeeded(answer.auth);
    }
    const { contents, restarted } = answer.page;
    return { items: contents.map((entry) => this.#item(entry)), next: answer.page.next, restarted: restarted ?? false };
  }

  #item(entry: CloudEntry): Item {
    return {
      key: `dropbox:${entry.path}`,
      source: "dropbox",
      name: entry.name,
      path: entry.path,
      folder: entry.folder,
      mimetype: entry.mimetype,
      bytes: entry.bytes,
      thumbnail: entry.thumbnail,
      pictured: entry.thumb_exists ?? false,
      modified: entry.modified,
      obstacle: entry.folder ? undefined : obstacleOfEntry(entry, this.app),
    };
  }

  #announce(folder: Folder): void {
    const { words } = this.app;
    const count = folder.entries.length;
    const said = this.search
      ? words.n(count, "{count} result", "{count} results")
      : words.n(count, "{count} entry", "{count} entries");
    this.app.say(folder.loading ? `${said}. ${words.t("More are loading")}` : said);
  }

  #trouble(why: Refusal, signal: AbortSignal): void {
    const until = why.wait ? Date.now() + why.wait * 1000 : undefined;
    this.visit = { kind: "trouble", why, until };
    const later = why.wait ? pause(why.wait * 1000, signal) : why.code === UNREACHABLE ? networkOr(3000, signal) : undefined;
    later?.then(() => this.#load(), () => undefined);
    // A person who waits for the network sees the screen stay, not blink.
    this.changed();
    void loadReasons().then(() => this.changed());
  }

  // ---- Connecting ----

  #connect(auth: CloudAuth, code: string | undefined, message: string | undefined): void {
    const signal = this.#fresh();
    this.account = undefined;
    this.visit = { kind: "connect", auth, code, message };
    this.changed();
    this.app.changed();
    if (code !== undefined) void loadReasons().then(() => this.changed());
    // Learns the server's time, so that the wait for this try does not hear of an earlier one.
    this.#cloud.status(undefined, { signal }).catch(() => undefined);
    pause(LINK_LIFE_MS, signal).then(() => this.#load(), () => undefined);
  }

  /** In the click itself, so that the browser lets the window open. */
  connect(): void {
    const { visit } = this;
    if (visit.kind !== "connect" && visit.kind !== "popup") return;
    if (isInApp(navigator.userAgent)) {
      void this.connectHere();
      return;
    }
    const popup = openPopup(visit.auth.redirect_url);
    const signal = this.#fresh();
    this.visit = { kind: "popup", auth: visit.auth, blocked: popup === null, closed: false };
    this.changed();
    if (!popup) return;
    void this.#await(popup, signal);
    void this.#watch(popup, signal);
  }

  /** Back to the first screen. */
  giveUp(): void {
    if (this.visit.kind === "popup") this.#connect(this.visit.auth, undefined, undefined);
  }

  /** Goes to Dropbox in this tab; the server sends the person back to this page. */
  async connectHere(): Promise<void> {
    const signal = this.#fresh();
    try {
      const answer = await this.#cloud.list({ path: "/", appurl: returnAddress(location.href) }, { signal });
      if ("auth" in answer) location.assign(answer.auth.redirect_url);
      else void this.#load();
    } catch (error) {
      if (!signal.aborted) this.#trouble(asRefusal(error), signal);
    }
  }

  async #await(popup: Window, signal: AbortSignal): Promise<void> {
    try {
      const ending = await connected(this.#cloud, signal);
      // It closes by itself, a moment later; a new one must not find it half closed.
      popup.close();
      if (ending.connected) {
        this.app.say(this.app.words.t("Connected"));
        this.app.announce({ name: "connected", source: this.name });
        void this.#load();
        return;
      }
      this.app.announce({ name: "refused", source: this.name, code: ending.code, message: ending.message });
      const fresh = await this.#cloud.list({ path: this.path }, { signal });
      if ("auth" in fresh) this.#connect(fresh.auth, ending.code, ending.message);
      else void this.#load();
    } catch (error) {
      if (!signal.aborted) this.#trouble(asRefusal(error), signal);
    }
  }

  /**
   * Says so when the popup seems closed. Where Dropbox's pages cut the tie, it seems closed at
   * once, so that is a hint on the screen and not an end of the wait.
   */
  async #watch(popup: Window, signal: AbortSignal): Promise<void> {
    let seenOpen = false;
    try {
      for (;;) {
        await pause(POPUP_LOOK_MS, signal);
        const { visit } = this;
        if (visit.kind !== "popup") return;
        seenOpen ||= !popup.closed;
        if (popup.closed && !visit.closed && seenOpen) {
          this.visit = { ...visit, closed: true };
          this.changed();
        }
      }
    } catch {
      // Whatever it waited for has ended.
    }
  }

  async #whoIsIt(): Promise<void> {
    if (this.account) return;
    const status = await this.#cloud.status().catch(() => undefined);
    this.account = status?.dropbox.account;
    this.changed();
    this.app.changed();
  }

  async signOut(): Promise<void> {
    const signal = this.#fresh();
    this.visit = { kind: "leaving" };
    this.changed();
    try {
      await this.#cloud.logout();
      this.app.announce({ name: "signed-out", source: this.name });
      this.account = undefined;
      this.app.selection.remove(...this.app.selection.choices.filter((one) => one.item.source === this.name).map((one) => one.item.key));
      this.path = "/";
      this.search = "";
      keep(this.#memory, undefined);
      void this.#load();
    } catch (error) {
      if (!signal.aborted) this.#trouble(asRefusal(error), signal);
    }
    this.app.changed();
  }

  // ---- Little things ----

  #order() {
    return { sort: this.sort, reverse: this.reverse, locale: this.app.words.locale };
  }

  /** Ends what was under way on the screen before. */
  #fresh(): AbortSignal {
    this.#under.abort();
    this.#under = new AbortController();
    return this.#under.signal;
  }

  #remember(): void {
    const habits: Habits = { path: this.path, grid: this.grid, sort: this.sort };
    keep(this.#memory, JSON.stringify(habits));
  }
}

/** The session is not connected; not an error of anybody's. */
class AuthNeeded extends Error {
  constructor(readonly auth: CloudAuth) {
    super("not connected");
  }
}

/** The folder that a folder lies in. */
export function parentOf(path: string): string {
  const names = path.split("/").filter(Boolean).slice(0, -1);
  return names.length === 0 ? "/" : `/${names.join("/")}/`;
}

function obstacleOfEntry(entry: CloudEntry, app: App): string | undefined {
  if (entry.downloadable === false && !entry.export_as) {
    return app.words.t("This document cannot be downloaded from Dropbox");
  }
  return obstacleOf(entry, app);
}
