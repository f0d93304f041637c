/**
 * The visitor's own device as a source: files that are dropped, pasted, chosen or photographed.
 * What is given is chosen at once; there is nothing to browse.
 */

import type { App } from "../../app.js";
import { typeOfEnding } from "../../accept.js";
import { call } from "../../calls.js";
import type { Held } from "../../drops.js";
import type { Abilities } from "../../edit/editor.js";
import type { Edit, Size } from "../../edit/geometry.js";
import { Emitter } from "../../emitter.js";
import { storeOf } from "../../options.js";
import { newId, picked } from "../../result.js";
import { Refusal, UNREACHABLE } from "../../server/server.js";
import { Uploads } from "../../transfers/upload.js";
import { kindPicture } from "../kind.js";
import { obstacleOf } from "../obstacle.js";
import { tagsOf } from "../tags.js";
import type { Item, Source } from "../source.js";
import { gather, listed, type Found, type Gathered } from "./gather.js";
import type * as Pictures from "./pictures.js";
import { deviceView } from "./view.js";

/** Files taken from one drop at most, where more may be chosen: a slip on a home folder ends. */
const MOST_AT_ONCE = 10_000;
/** Pictures shown themselves up to this size: a browser decodes them whole. */
const LARGEST_SHOWN = 30_000_000;

/** The code for pictures, which not every page needs. */
async function loadPictures(): Promise<typeof Pictures> {
  try {
    return await import("./pictures.js");
  } catch {
    throw new Refusal(UNREACHABLE, "a part of the picker could not be loaded");
  }
}

export class Device extends Emitter implements Source {
  readonly name = "local_file_system";
  readonly label: string;
  readonly icon = "device";
  readonly browsing = true;
  readonly account = undefined;
  readonly carrier: Uploads;
  readonly app: App;
  readonly #known = new Map<string, string>();
  /** Pictures that went through the editor, by their keys. */
  readonly #edited = new Set<string>();

  constructor(app: App) {
    super();
    this.app = app;
    this.label = app.words.t("My Device");
    this.carrier = new Uploads(app.server, {
      store: storeOf(app.settings),
      tags: tagsOf(app.settings),
      file: (item) => this.#prepared(item),
    });
  }

  begin(): void {
    // There is nothing to load.
  }

  end(): void {
    // Nothing is under way but what the transfers carry.
  }

  view() {
    return deviceView(this);
  }

  /** Whether folders may be given whole. */
  get takesFolders(): boolean {
    return this.app.settings.disableDirectoryUpload !== true && this.app.settings.maxFiles > 1;
  }

  /** Takes what was dropped or pasted. */
  async give(files: Held[]): Promise<void> {
    await this.#take(gather(files, MOST_AT_ONCE, this.takesFolders));
  }

  /** Takes what was chosen in the browser's own dialog. */
  async choose(files: Iterable<File>): Promise<void> {
    await this.#take(listed(files, MOST_AT_ONCE));
  }

  // ---- Pictures ----

  /** What may be done to pictures, as the integration has it (`transformations`). */
  get abilities(): Abilities {
    const { transformations: wanted, disableTransformer } = this.app.settings;
    const none = disableTransformer === true || wanted === false;
    const of = (name: "crop" | "circle" | "rotate") => !none && (typeof wanted !== "object" || wanted[name] !== false);
    const crop = typeof wanted === "object" && typeof wanted.crop === "object" ? wanted.crop : undefined;
    return { crop: of("crop"), circle: of("circle"), rotate: of("rotate"), ratio: crop?.aspectRatio, cropped: crop?.force === true };
  }

  /** Whether a picture can be edited here. */
  edits(item: Item): boolean {
    const { crop, circle, rotate } = this.abilities;
    return item.file !== undefined && (crop || circle || rotate) && /^image\/(jpeg|png|webp|bmp)$/.test(item.mimetype);
  }

  /** The first picture that still has to go through the editor, where the integration wants that. */
  mustEdit(items: Item[]): Item | undefined {
    const { transformations: wanted } = this.app.settings;
    const forced = typeof wanted === "object" && (wanted.force === true || this.abilities.cropped);
    return forced ? items.find((item) => this.edits(item) && !this.#edited.has(item.key)) : undefined;
  }

  /** Keeps what a person did to a picture; it is drawn when it is uploaded. */
  async edit(item: Item, edit: Edit | undefined, size: Size): Promise<void> {
    const { app } = this;
    const pictures = await loadPictures().catch(() => undefined);
    // What was done so far stays on the screen, to be saved again.
    if (!pictures) {
      app.tell(app.words.t("The server cannot be reached"));
      return;
    }
    const edited = await pictures.withEdit(item, edit, size);
    // Closed or let go in the meantime.
    if (app.screen !== "edit" || app.editing !== item) return;
    app.selection.replace(edited);
    this.#edited.add(item.key);
    const next = this.mustEdit(app.selection.files);
    if (next) app.edit(next);
    else app.go("selected");
    if (edit) call(app.settings, "onFileCropped", picked(edited, "", undefined, app.settings.exposeOriginalFile));
  }

  async #prepared(item: Item): Promise<File> {
    const { imageDim, imageMax, imageMin, cleanupImageExif } = this.app.settings;
    if (!item.file) throw new Error("the file is not there any more");
    if (!item.edited && !imageDim && !imageMax && !imageMin && !cleanupImageExif) return item.file;
    return (await loadPictures()).prepared(item, item.file, this.app.settings);
  }

  async #take(gathering: Gathered | Promise<Gathered>): Promise<void> {
    const { app } = this;
    try {
      const { found, more } = await gathering;
      const items = found.map((one) => this.#item(one));
      const { imageMinMaxBlock } = app.settings;
      await this.#choose(imageMinMaxBlock && items.length > 0 ? await (await loadPictures()).measured(items, app) : items, more);
    } catch (error) {
      app.tell(app.words.t(error instanceof Refusal ? "The server cannot be reached" : "The files could not be read"));
    }
  }

  async #choose(items: Item[], more: boolean): Promise<void> {
    if (items.length === 0) return;
    const { app } = this;
    const refused = items.filter((item) => item.obstacle !== undefined);
    await app.takeAll(items);
    const [first] = refused;
    if (first?.obstacle) app.tell(first.obstacle);
    else if (more) app.tellLimit();
    const unedited = this.mustEdit(app.selection.files);
    if (app.selection.count === 0 || app.screen === "edit" || app.screen === "summary") return;
    if (unedited) app.edit(unedited);
    else if (app.screen === "source") app.go("selected");
  }

  #item({ file, path }: Found): Item {
    const mimetype = file.type || (typeOfEnding(file.name) ?? "application/octet-stream");
    const shown = /^image\/(jpeg|png|gif|webp|avif|bmp)$/.test(mimetype) && file.size <= LARGEST_SHOWN;
    const item: Item = {
      key: this.#key(file, path),
      source: this.name,
      name: file.name,
      path,
      folder: false,
      mimetype,
      bytes: file.size,
      thumbnail: kindPicture(this.app.server, file.name, mimetype),
      picture: shown ? file : undefined,
      pictured: shown,
      modified: new Date(file.lastModified).toISOString(),
      file,
    };
    return { ...item, obstacle: obstacleOf(item, this.app) };
  }

  /** The same file given twice is one choice; another of the same name is another. */
  #key(file: File, path: string): string {
    const what = `${path}\n${file.size}\n${file.lastModified}`;
    const key = this.#known.get(what) ?? `device:${newId()}`;
    this.#known.set(what, key);
    return key;
  }
}
