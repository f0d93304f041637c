/** Pictures of the device: edited, brought to a size, measured. Loaded where there is need of it. */

import type { App } from "../../app.js";
import { isWithin, type Edit, type Size } from "../../edit/geometry.js";
import { canEdit, prepare, sizeOf, type Preparing } from "../../edit/prepare.js";
import type { Settings } from "../../options.js";
import type { Item } from "../source.js";

/** The longest side of the small picture of an edited one, in px. */
const SMALL = 512;

/** The item with what a person did to its picture, and with a small picture that shows it. */
export async function withEdit(item: Item, edit: Edit | undefined, size: Size): Promise<Item> {
  const edited: Item = { ...item, edited: edit ? { edit, size } : undefined };
  if (!edit || !item.file) return { ...edited, picture: item.pictured ? item.file : undefined };
  try {
    edited.picture = await prepare(item.file, edit, { sizes: { max: [SMALL, SMALL] }, clean: undefined });
  } catch {
    // The small picture stays as it was.
  }
  return edited;
}

let last: Promise<unknown> = Promise.resolve();

/**
 * The file as it is to be uploaded. One after the other, however many uploads run: a picture of 12
 * megapixels takes 100 MB while it is drawn.
 */
export function prepared(item: Item, file: File, settings: Settings): Promise<File> {
  const mine = last.then(() => prepare(file, item.edited?.edit, preparing(settings)));
  last = mine.catch(() => undefined);
  return mine;
}

function preparing({ imageDim: dim, imageMax, imageMin, imageMinMaxBlock, cleanupImageExif: clean }: Settings): Preparing {
  // What is only let through in the right size is not made to fit.
  const [max, min] = imageMinMaxBlock ? [undefined, undefined] : [imageMax, imageMin];
  const told = typeof clean === "object" ? clean : {};
  return {
    sizes: { dim, max, min },
    clean: clean ? { orientation: told.keepOrientation ?? true, profiles: told.keepICCandAPP ?? false } : undefined,
  };
}

/** Items, with those that are too large or too small told as such (`imageMinMaxBlock`). */
export async function measured(items: Item[], { settings, words }: App): Promise<Item[]> {
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
