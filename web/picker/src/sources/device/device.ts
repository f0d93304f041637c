/**
 * The visitor's own device as a source: files that are dropped, pasted, chosen or photographed.
 * What is given is chosen at once; there is nothing to browse.
 */

import type { App } from "../../app.js";
import { typeOfEnding } from "../../accept.js";
import type { Abilities } from "../../edit/editor.js";
import type { Edit, Size } from "../../edit/geometry.js";
import type { Preparing } from "../../edit/prepare.js";
import { Emitter } from "../../emitter.js";
import { storeOf } from "../../options.js";
import { newId, picked } from "../../result.js";
import { Uploads } from "../../transfers/upload.js";
import { kindPicture } from "../kind.js";
import { obstacleOf } from "../obstacle.js";
import { tagsOf } from "../tags.js";
import type { Item, Source } from "../source.js";
import { gather, listed, type Found, type Gathered } from "./gather.js";
import { deviceView } from "./view.js";

/** Files taken from one drop at most, where more may be chosen: a slip on a home folder ends. */
const MOST_AT_ONCE = 10_000;
/** Pictures shown themselves up to this size: a browser decodes them whole. */
const LARGEST_SHOWN = 30_000_000;

export class Device extends Emitter implements Source {
  readonly name = "local_file_system";
  readonly label: string;
  readonly icon = "device";
  readonly browsing = true;
  readonly account = undefined;
  readonly carrier: Uploads;
  readonly app: App;
  readonly #known = new Map<string, string>();

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

  /** Takes what was dropped or pasted; to be called in the event itself. */
  async give(data: DataTransfer): Promise<void> {
    try {
      await this.#take(await gather(data, MOST_AT_ONCE, this.takesFolders));
    } catch {
      this.app.tell(this.app.words.t("The files could not be read"));
    }
  }

  /** Takes what was chosen in the browser's own dialog. */
  async choose(files: FileList): Promise<void> {
    await this.#take(listed(files, MOST_AT_ONCE));
  }

  // ---- Pictures ----

  /** What may be done to pictures, as the integration has it (`transformations`). */
  get abilities(): Abilities {
    const { transformations: wanted, disableTransformer } = this.app.settings;
    const none = disableTransformer === true || wanted === false;
    const of = (name: "crop" | "circle" | "rotate") => !none && (typeof wanted !== "object" || wanted[name] !== false);
    const crop = typeof wanted === "object" && typeof wanted.crop === "object" ? wanted.crop : undefined;
    return { crop: of("crop"), circle: of("circle"), rotate: of("rotate"), ratio: crop?.aspectRatio };
  }

  /** Whether a picture can be edited here. */
  edits(item: Item): boolean {
    const { crop, circle, rotate } = this.abilities;
    return item.file !== undefined && (crop || circle || rotate) && /^image\/(jpeg|png|webp|bmp)$/.test(item.mimetype);
  }

  /** Keeps what a person did to a picture; it is drawn when it is uploaded. */
  async edit(item: Item, edit: Edit | undefined, size: Size): Promise<void> {
    const { app } = this;
    const edited: Item = { ...item, edited: edit ? { edit, size } : undefined };
    if (edit && item.file) {
      try {
        const { prepare } = await import("../../edit/prepare.js");
        edited.picture = await prepare(item.file, edit, { sizes: { max: [512, 512] }, clean: undefined });
      } catch {
        // The small picture stays as it was.
      }
    } else if (item.pictured) edited.picture = item.file;
    app.selection.replace(edited);
    app.go("selected");
    if (edit) app.settings.onFileCropped?.(picked(edited, "", undefined, app.settings.exposeOriginalFile));
  }

  async #prepared(item: Item): Promise<File> {
    const { file, edited } = item;
    if (!file) throw new Error("the file is not there any more");
    const preparing = this.#preparing();
    const { dim, max, min } = preparing.sizes;
    if (!edited && !preparing.clean && !dim && !max && !min) return file;
    const { prepare } = await import("../../edit/prepare.js");
    return prepare(file, edited?.edit, preparing);
  }

  #preparing(): Preparing {
    const { imageDim: dim, imageMax, imageMin, imageMinMaxBlock, cleanupImageExif: clean } = this.app.settings;
    // What is only let through in the right size is not made to fit.
    const [max, min] = imageMinMaxBlock ? [undefined, undefined] : [imageMax, imageMin];
    const told = typeof clean === "object" ? clean : {};
    return {
      sizes: { dim, max, min },
      clean: clean ? { orientation: told.keepOrientation ?? true, profiles: told.keepICCandAPP ?? false } : undefined,
    };
  }

  /** Items, with those that are too large or too small told as such (`imageMinMaxBlock`). */
  async #measured(items: Item[]): Promise<Item[]> {
    const { settings, words } = this.app;
    if (!settings.imageMinMaxBlock || (!settings.imageMax && !settings.imageMin)) return items;
    const { canEdit, isWithin, sizeOf } = await import("../../edit/prepare.js");
    const limits = { max: settings.imageMax, min: settings.imageMin };
    const look = async (item: Item): Promise<Item> => {
      if (item.obstacle || !item.file || !canEdit(item.mimetype)) return item;
      try {
        if (isWithin(await sizeOf(item.file), limits)) return item;
        return { ...item, obstacle: words.t("{displayName} does not have the size that is asked for", { displayName: item.name }) };
      } catch {
        return { ...item, obstacle: words.t("This picture cannot be shown here") };
      }
    };
    const looked: Item[] = [];
    // One after the other: a picture takes a lot of memory while it is measured.
    for (const item of items) looked.push(await look(item));
    return looked;
  }

  async #take({ found, more }: Gathered): Promise<void> {
    if (found.length === 0) return;
    const { app } = this;
    const items = await this.#measured(found.map((one) => this.#item(one)));
    const refused = items.filter((item) => item.obstacle !== undefined);
    await app.takeAll(items);
    const [first] = refused;
    if (first?.obstacle) app.tell(first.obstacle);
    else if (more) app.tellLimit();
    if (app.selection.count > 0 && app.screen === "source") app.go("selected");
  }

  #item({ file, path }: Found): Item {
    const mimetype = file.type || (typeOfEnding(file.name) ?? "application/octet-stream");
    const shown = /^image\/(jpeg|png|gif|webp|avif|svg\+xml|bmp)$/.test(mimetype) && file.size <= LARGEST_SHOWN;
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
