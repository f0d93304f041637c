/**
 * One open picker: what is chosen, what is on its way, which screen is shown, and what the page
 * is told of it. Views draw it; sources fill it.
 */

import { askPage, call, rename } from "./calls.js";
import { held } from "./drops.js";
import { Emitter } from "./emitter.js";
import { plainName } from "./format.js";
import type { PickerHandle, Settings, UploadToken } from "./options.js";
import { picked, type PickedFile, type PickResult } from "./result.js";
import { Selection } from "./selection.js";
import { asRefusal, type Refusal, type Server } from "./server/server.js";
import { sourcesOf } from "./sources/all.js";
import { Device } from "./sources/device/device.js";
import type { Item, Source } from "./sources/source.js";
import { Queue, type Transfer } from "./transfers/queue.js";
import { because, fileReason, loadReasons } from "./views/reasons.js";
import type { Words } from "./words/words.js";

export type Screen = "source" | "selected" | "edit" | "summary";

/** Something said for a while above the footer. */
export interface Message {
  text: string;
  bad: boolean;
}

/** Codes that say that a file failed for want of a connection. */
const UNCONNECTED = new Set(["reconnect", "invalid-session", "not-connected"]);

export function isUnconnected({ state }: Transfer): boolean {
  return state.kind === "failed" && UNCONNECTED.has(state.why.code);
}

/** How long a pick that went well is looked at before the picker closes. */
const DONE_MS = 900;

/**
 * What a page may hear of beside the protocol's callbacks: the `detail` of a `longshore` event,
 * which bubbles from the picker's element to the document.
 */
export type Happening =
  | { name: "connected" | "signed-out"; source: string }
  /** The person said no, or it failed. */
  | { name: "refused"; source: string; code: string; message: string }
  | { name: "stored"; file: PickedFile; ms: number }
  | { name: "failed"; file: PickedFile; code: string; message: string };

export interface AppNeeds {
  server: Server;
  settings: Settings;
  words: Words;
  handle: PickerHandle;
  /** The picker is to be taken away. */
  leave(): void;
  /** Tells the page what happens on the way, as an event on the picker's element. */
  announce(about: Happening): void;
  /** The picker is to be out of sight while uploads go on. */
  hide(hidden: boolean): void;
}

export class App extends Emitter {
  readonly server: Server;
  readonly settings: Settings;
  readonly words: Words;
  readonly selection: Selection;
  readonly queue: Queue;
  readonly sources: Source[];
  source: Source;
  screen: Screen = "source";
  /** The picture that is edited. */
  editing: Item | undefined;
  /** Whether files hang over the picker. */
  hangs = false;
  /** Whether it asks before it gives up uploads. */
  asking = false;
  message: Message | undefined;
  /** What a screen reader is told. */
  said = "";
  readonly #needs: AppNeeds;
  /** Folders whose files are being counted. */
  readonly counting = new Set<string>();
  #messageEnds: ReturnType<typeof setTimeout> | undefined;
  #closing: ReturnType<typeof setTimeout> | undefined;
  /** Whether a person is on the way to connect a source for files that failed. */
  #reconnecting = false;
  #told = false;
  #over = false;
  /** Questions to the page that it has not answered yet. */
  readonly #asking = new Set<Promise<void>>();

  constructor(needs: AppNeeds) {
    super();
    this.#needs = needs;
    this.server = needs.server;
    this.settings = needs.settings;
    this.words = needs.words;
    this.selection = new Selection(needs.settings.maxFiles);
    this.queue = new Queue(needs.settings.concurrency, this.#hopes());
    this.sources = sourcesOf(this);
    this.source = this.sources[0] as Source;
    this.queue.subscribe(() => this.changed());
    this.selection.subscribe(() => this.queue.keepAhead((key) => this.selection.has(key)));
  }

  begin(): void {
    call(this.settings, "onOpen", this.#needs.handle);
    this.source.begin();
  }

  // ---- Screens ----

  go(screen: Screen): void {
    this.screen = screen;
    this.changed();
    if (screen === "source") this.source.begin();
    if (screen === "summary" && this.queue.settled) this.#settled();
    else clearTimeout(this.#closing);
  }

  choose(source: Source): void {
    this.source = source;
    this.go("source");
  }

  /** Where files of the device go, if they are taken here. */
  get device(): Device | undefined {
    return this.sources.find((source): source is Device => source instanceof Device);
  }

  /** Whether dropped and pasted files are taken at the moment. */
  get takesDrops(): boolean {
    return this.device !== undefined && !this.asking && this.screen !== "edit";
  }

  /** Files that were dropped or pasted; to be called in the event itself. */
  give(data: DataTransfer): void {
    const { device } = this;
    if (!device) return;
    this.source = device;
    if (this.screen === "summary") this.go("source");
    void device.give(held(data));
  }

  hang(hangs: boolean): void {
    this.hangs = hangs;
    this.changed();
  }

  /** Shows the editor of a picture. */
  edit(item: Item): void {
    this.editing = item;
    this.go("edit");
  }

  say(text: string): void {
    this.said = text;
    this.changed();
  }

  announce(about: Happening): void {
    this.#needs.announce(about);
  }

  /** Shows a message for a while. */
  tell(text: string, bad = true): void {
    clearTimeout(this.#messageEnds);
    // An alert is read out as it is.
    this.message = { text, bad };
    if (this.settings.errorsTimeout > 0) this.#messageEnds = setTimeout(() => this.hush(), this.settings.errorsTimeout);
    this.changed();
  }

  hush(): void {
    clearTimeout(this.#messageEnds);
    this.message = undefined;
    this.changed();
  }

  // ---- Choosing ----

  /** How many files may still be chosen, beside those that are chosen or on their way. */
  get room(): number {
    return Math.max(0, this.selection.room - this.#taken);
  }

  /** Files that were sent off already and count towards the limit. */
  get #taken(): number {
    return this.queue.transfers.filter((transfer) => !["failed", "cancelled"].includes(transfer.state.kind)).length;
  }

  toggle(item: Item): void {
    if (this.selection.has(item.key)) this.selection.remove(item.key);
    else void this.take(item);
  }

  /** Chooses a file or a whole folder, if nothing is against it. */
  async take(item: Item): Promise<void> {
    if (this.selection.has(item.key)) return;
    if (item.folder) return this.#takeFolder(item);
    if (item.obstacle) {
      this.tell(item.obstacle);
      return;
    }
    const replaces = this.settings.maxFiles === 1 && this.#taken === 0;
    if (!replaces && this.room === 0) {
      this.tellLimit();
      return;
    }
    if (!this.selection.add({ item, files: [item] })) this.tellLimit();
    else await this.#ask([item]);
  }

  /** Chooses many files: a range, or everything that is shown. */
  async takeAll(items: Item[]): Promise<void> {
    const wanted = items.filter((item) => !item.folder && !item.obstacle && !this.selection.has(item.key));
    const fitting = wanted.slice(0, this.room);
    this.selection.addFiles(fitting);
    if (fitting.length < wanted.length) this.tellLimit();
    await this.#ask(fitting);
  }

  async #takeFolder(folder: Item): Promise<void> {
    const { words } = this;
    if (!this.source.wholeFolder || this.counting.has(folder.key)) return;
    if (this.room === 0) {
      this.tellLimit();
      return;
    }
    this.counting.add(folder.key);
    this.changed();
    try {
      const { files, more } = await this.source.wholeFolder(folder, this.room);
      const takable = files.filter((file) => !file.obstacle);
      if (more || takable.length > this.room) {
        const most = words.n(this.room, "{count} file", "{count} files");
        this.tell(words.t("{displayName} holds more files than may be chosen; there is room for {files}", { displayName: folder.name, files: most }));
      } else if (takable.length === 0) {
        this.tell(words.t("{displayName} holds nothing that can be chosen", { displayName: folder.name }));
      } else {
        this.selection.add({ item: { ...folder, bytes: takable.reduce((sum, file) => sum + file.bytes, 0) }, files: takable });
        this.say(words.n(takable.length, "{count} file", "{count} files"));
        await this.#ask(takable);
      }
    } catch (error) {
      await loadReasons();
      this.tell(because(asRefusal(error), words).text);
    } finally {
      this.counting.delete(folder.key);
      this.changed();
    }
  }

  tellLimit(): void {
    const { maxFiles } = this.settings;
    const { words } = this;
    this.tell(words.t("Our file upload limit is {maxFiles} {filesText}", {
      maxFiles: words.number(maxFiles),
      filesText: words.t(maxFiles === 1 ? "file" : "files"),
    }));
  }

  /** Asks the page about each file; one that it rejects is let go with the page's words. */
  async #ask(items: Item[]): Promise<void> {
    const asking = this.#askAll(items);
    this.#asking.add(asking);
    await asking;
    this.#asking.delete(asking);
    if (this.#over) return;
    this.#bringAhead(items);
    const full = this.room === 0 && this.selection.count > 0;
    if (this.settings.startUploadingWhenMaxFilesReached && full && items.length > 0) this.upload();
  }

  async #askAll(items: Item[]): Promise<void> {
    for (const item of items) {
      try {
        const answer = await askPage(this.settings, item);
        if (answer) rename(item, answer);
      } catch (error) {
        this.#letGo(item);
        const said = error instanceof Error ? error.message : typeof error === "string" ? error : "";
        this.tell(said || this.words.t("{displayName} cannot be chosen here", { displayName: item.name }));
      }
    }
  }

  /** Begins to send what was chosen while the person goes on choosing (`uploadInBackground`). */
  #bringAhead(items: Item[]): void {
    const { uploadInBackground = true, disableTransformer } = this.settings;
    if (!uploadInBackground || !disableTransformer) return;
    const chosen = items.filter((item) => this.selection.has(item.key));
    for (const [source, own] of this.#bySource(chosen)) this.queue.bring(own, source.carrier);
  }

  #bySource(items: Item[]): Map<Source, Item[]> {
    const found = new Map<Source, Item[]>();
    for (const item of items) {
      const source = this.sources.find((one) => one.name === item.source);
      if (!source) continue;
      const own = found.get(source);
      if (own) own.push(item);
      else found.set(source, [item]);
    }
    return found;
  }

  #letGo(item: Item): void {
    const holding = this.selection.choices.filter((choice) => choice.files.some((file) => file.key === item.key));
    for (const choice of holding) {
      this.selection.remove(choice.item.key);
      const rest = choice.files.filter((file) => file.key !== item.key);
      if (choice.item.folder && rest.length > 0) this.selection.add({ ...choice, files: rest });
    }
  }

  // ---- Sending off ----

  /** How many files are missing before an upload may begin. */
  get missing(): number {
    return Math.max(0, this.settings.minFiles - this.selection.count - this.#taken);
  }

  upload(): void {
    if (this.#asking.size > 0) {
      // The page may still say no to one of them.
      void Promise.all(this.#asking).then(() => this.upload());
      return;
    }
    const items = this.selection.files;
    if (this.#over || items.length === 0 || this.missing > 0) return;
    const unedited = this.device?.mustEdit(items);
    if (unedited) {
      this.edit(unedited);
      return;
    }
    this.#told = false;
    call(this.settings, "onUploadStarted", items.map((item) => picked(item, "", undefined, this.settings.exposeOriginalFile)));
    for (const [source, own] of this.#bySource(items)) this.queue.add(own, source.carrier);
    this.selection.clear();
    this.go("summary");
    if (this.settings.hideModalWhenUploading) this.#needs.hide(true);
  }

  /** Files that failed because their source is no longer connected. */
  get unconnected(): Transfer[] {
    return this.queue.of("failed").filter(isUnconnected);
  }

  /** Leads to where their source is connected again. */
  reconnect(): void {
    const name = this.unconnected[0]?.item.source;
    const source = this.sources.find((one) => one.name === name);
    if (!source?.again) return;
    this.#reconnecting = true;
    this.choose(source);
    source.again();
  }

  /** A source is connected: what failed for want of that is tried again, if a person went for it. */
  connected(source: Source): void {
    if (!this.#reconnecting) return;
    this.#reconnecting = false;
    for (const transfer of this.unconnected) if (transfer.item.source === source.name) this.queue.retry(transfer);
    this.go("summary");
  }

  #hopes() {
    return {
      started: (transfer: Transfer) => {
        const token: UploadToken = {
          pause: () => this.queue.pause(transfer),
          resume: () => this.queue.resume(transfer),
          cancel: () => this.queue.cancel(transfer),
        };
        call(this.settings, "onFileUploadStarted", this.fileOf(transfer), token);
      },
      progressed: (transfer: Transfer) => {
        const totalBytes = transfer.arrived ?? 0;
        const whole = transfer.item.bytes || 1;
        call(this.settings, "onFileUploadProgress", this.fileOf(transfer), { totalPercent: Math.round((totalBytes / whole) * 100), totalBytes });
      },
      finished: (transfer: Transfer) => {
        call(this.settings, "onFileUploadFinished", this.fileOf(transfer));
        const ms = Date.now() - (transfer.begun ?? Date.now());
        this.announce({ name: "stored", file: this.fileOf(transfer), ms });
      },
      failed: (transfer: Transfer, why: Refusal) => {
        call(this.settings, "onFileUploadFailed", this.fileOf(transfer), why);
        this.announce({ name: "failed", file: this.fileOf(transfer), code: why.code, message: why.message });
        void loadReasons().then(() => this.say(`${plainName(transfer.item.name)}: ${fileReason(why, this.words)}`));
      },
      cancelled: (transfer: Transfer) => {
        // Given up by the page before it was sent off.
        if (transfer.ahead) this.selection.remove(transfer.item.key);
        call(this.settings, "onFileUploadCancel", this.fileOf(transfer));
      },
      settled: () => this.#settled(),
    };
  }

  /** Everything has come to an end: well, and the picker closes; or not, and it can be mended. */
  #settled(): void {
    if (this.#over || this.queue.transfers.length === 0) return;
    const failed = this.queue.of("failed").length;
    const done = this.queue.of("done").length;
    const { words } = this;
    this.say(failed > 0
      ? words.t("{done} of {files} stored", { done: words.number(done), files: words.n(done + failed, "{count} file", "{count} files") })
      : words.n(done, "{count} file stored", "{count} files stored"));
    if (failed > 0) {
      if (this.settings.allowManualRetry === false) this.finish();
      else this.#needs.hide(false);
      return;
    }
    // Everything was given up: there is nothing to look at.
    if (done === 0) {
      this.go("source");
      return;
    }
    if (this.screen !== "summary" && !this.settings.hideModalWhenUploading) return;
    clearTimeout(this.#closing);
    this.#closing = setTimeout(() => this.finish(), DONE_MS);
  }

  // ---- Leaving ----

  /** The result as things stand. */
  get result(): PickResult {
    const files = (done: boolean) => this.queue.transfers
      .filter((transfer) => (transfer.state.kind === "done") === done && transfer.state.kind !== "cancelled")
      .map((transfer) => this.fileOf(transfer));
    return { filesUploaded: files(true), filesFailed: files(false) };
  }

  fileOf(transfer: Transfer): PickedFile {
    const stored = transfer.state.kind === "done" ? transfer.state.file : undefined;
    return picked(transfer.item, transfer.id, stored, this.settings.exposeOriginalFile);
  }

  /** A person wants to leave: asks where something would be lost. */
  wantsToLeave(): void {
    if (!this.queue.settled) {
      this.asking = true;
      this.changed();
    } else if (this.queue.transfers.length > 0) this.finish();
    else this.close();
  }

  stay(): void {
    this.asking = false;
    this.changed();
  }

  /** Ends the pick with what is stored, and tells the page. */
  finish(): void {
    if (this.#over) return;
    if (!this.#told) {
      this.#told = true;
      call(this.settings, "onUploadDone", this.result);
    }
    this.close();
  }

  /** Gives up what runs; what is stored stays stored. */
  giveUp(): void {
    this.asking = false;
    this.queue.cancelAll();
    const { result } = this;
    call(this.settings, "onCancel", result);
    if (result.filesUploaded.length > 0) this.finish();
    else this.close();
  }

  /** Takes the picker away. Whatever runs is given up. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#messageEnds);
    clearTimeout(this.#closing);
    this.queue.cancelAll();
    for (const source of this.sources) source.end();
    this.#needs.leave();
    call(this.settings, "onClose");
  }
}
