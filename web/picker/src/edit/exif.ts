/**
 * Takes what a camera wrote about a JPEG (place, time, maker) out of it, without touching the
 * picture: segments are left out, the rest is copied (ITU T.81 annex B; Exif 2.3 §4.5).
 */

export interface Keeping {
  /** The turn that viewers apply: without it a picture may lie on its side. */
  orientation: boolean;
  /** Color profiles and other application data. */
  profiles: boolean;
}

const SOI = 0xd8;
const SOS = 0xda;
const COM = 0xfe;
const APP0 = 0xe0;
const APP1 = 0xe1;
const APP15 = 0xef;
/** More than this the segments before a picture never take. */
const HEAD = 16 * 1024 * 1024;

/** The picture without them; the same file where it is no JPEG or cannot be read. */
export async function withoutExif(file: Blob, keep: Keeping): Promise<Blob> {
  const bytes = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  if (bytes[0] !== 0xff || bytes[1] !== SOI) return file;
  const view = new DataView(bytes.buffer);
  const parts: BlobPart[] = [bytes.subarray(0, 2)];
  let turn = 1;
  let at = 2;
  for (;;) {
    if (at + 4 > bytes.length || bytes[at] !== 0xff) return file;
    const marker = bytes[at + 1] ?? 0;
    if (marker === SOS) break;
    const end = at + 2 + view.getUint16(at + 2);
    if (end > bytes.length) return file;
    if (marker === APP1) turn = orientationOf(view, at + 4, end) ?? turn;
    const application = marker > APP0 && marker <= APP15;
    const told = marker === APP1 || marker === COM || (application && !keep.profiles);
    if (!told) parts.push(bytes.subarray(at, end));
    at = end;
  }
  if (keep.orientation && turn !== 1) parts.splice(1, 0, turnSegment(turn));
  parts.push(file.slice(at));
  return new Blob(parts, { type: file.type });
}

/** The orientation (1 to 8) that an Exif segment names. */
function orientationOf(view: DataView, from: number, end: number): number | undefined {
  // "Exif\0\0", then a TIFF header.
  if (end - from < 14 || view.getUint32(from) !== 0x45786966) return undefined;
  const tiff = from + 6;
  const little = view.getUint16(tiff) === 0x4949;
  const table = tiff + view.getUint32(tiff + 4, little);
  if (table + 2 > end) return undefined;
  const entries = view.getUint16(table, little);
  for (let entry = 0; entry < entries; entry += 1) {
    const at = table + 2 + entry * 12;
    if (at + 12 > end) return undefined;
    if (view.getUint16(at, little) === 0x0112) {
      const turn = view.getUint16(at + 8, little);
      return turn >= 1 && turn <= 8 ? turn : undefined;
    }
  }
  return undefined;
}

/** An Exif segment that says the orientation and nothing else. */
function turnSegment(turn: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(
    0xff, APP1, 0x00, 0x22, 0x45, 0x78, 0x69, 0x66, 0, 0,
    0x4d, 0x4d, 0x00, 0x2a, 0, 0, 0, 8,
    0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, turn, 0, 0,
    0, 0, 0, 0,
  );
}
