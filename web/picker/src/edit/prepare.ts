/**
 * What happens to a picture of the device before it is uploaded: a person's edits, the sizes that
 * the integration wants, and what a camera wrote about it. Loaded only where something of that
 * is to be done.
 */

import { withoutExif, type Keeping } from "./exif.js";
import { storedSize, turned, type Edit, type Size, type Sizes } from "./geometry.js";

/** What is to be done to pictures. */
export interface Preparing {
  sizes: Sizes;
  /** Absent: what a camera wrote stays. */
  clean: Keeping | undefined;
}

/** Kinds of pictures that are drawn anew; others are uploaded as they are. */
const DRAWN = /^image\/(jpeg|png|webp|bmp)$/;
const QUALITY = 0.92;

export function canEdit(mimetype: string): boolean {
  return DRAWN.test(mimetype);
}

/** The size of a picture as it is seen. */
export async function sizeOf(file: Blob): Promise<Size> {
  const picture = await createImageBitmap(file);
  const size: Size = [picture.width, picture.height];
  picture.close();
  return size;
}

/** The file that is uploaded; the same where there is nothing to do. */
export async function prepare(file: File, edit: Edit | undefined, { sizes, clean }: Preparing): Promise<File> {
  if (!canEdit(file.type)) return file;
  const drawn = await draw(file, edit, sizes);
  if (drawn) return new File([drawn], nameFor(file.name, drawn.type), { type: drawn.type, lastModified: file.lastModified });
  if (!clean) return file;
  const bare = await withoutExif(file, clean);
  return bare === file ? file : new File([bare], file.name, { type: file.type, lastModified: file.lastModified });
}

/** The picture drawn anew; nothing where it would be the same. */
async function draw(file: File, edit: Edit | undefined, sizes: Sizes): Promise<Blob | undefined> {
  const touched = edit !== undefined && (edit.turn !== 0 || edit.area !== undefined || edit.circle);
  const sized = sizes.dim ?? sizes.max ?? sizes.min;
  if (!touched && !sized) return undefined;
  const picture = await createImageBitmap(file);
  try {
    const whole = turned([picture.width, picture.height], edit?.turn ?? 0);
    const area = edit?.area ?? { position: [0, 0], size: whole };
    const size = storedSize(area.size, sizes);
    if (!touched && size[0] === area.size[0] && size[1] === area.size[1]) return undefined;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = size;
    const pen = canvas.getContext("2d");
    if (!pen) throw new Error("the picture cannot be drawn here");
    pen.imageSmoothingQuality = "high";
    if (edit?.circle) {
      pen.beginPath();
      pen.ellipse(size[0] / 2, size[1] / 2, size[0] / 2, size[1] / 2, 0, 0, 2 * Math.PI);
      pen.clip();
    }
    const scale = size[0] / area.size[0];
    pen.scale(scale, size[1] / area.size[1]);
    pen.translate(-area.position[0], -area.position[1]);
    pen.translate(whole[0] / 2, whole[1] / 2);
    pen.rotate(((edit?.turn ?? 0) * Math.PI) / 180);
    pen.drawImage(picture, -picture.width / 2, -picture.height / 2);
    return await encoded(canvas, edit?.circle ? "image/png" : file.type === "image/bmp" ? "image/png" : file.type);
  } finally {
    picture.close();
  }
}

function encoded(canvas: HTMLCanvasElement, type: string): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture cannot be written"))), type, QUALITY);
  });
}

/** The name with the ending of what the picture became. */
function nameFor(name: string, type: string): string {
  if (type !== "image/png" || /\.png$/i.test(name)) return name;
  return `${name.replace(/\.[^.]*$/, "")}.png`;
}
