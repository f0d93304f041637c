/**
 * Which files an application takes: `image/*`, `application/pdf`, `.pdf`. Decides by name and
 * media type; knows nothing of sizes or of what is shown.
 */

/** Endings whose media type an `image/*` must cover although a source may not know it. */
const TYPES: Record<string, string> = {
  jpg: "image/jpeg", jpeg: "image/jpeg", png: "image/png", gif: "image/gif", webp: "image/webp",
  heic: "image/heic", heif: "image/heif", avif: "image/avif", svg: "image/svg+xml", bmp: "image/bmp",
  tif: "image/tiff", tiff: "image/tiff", mp4: "video/mp4", mov: "video/quicktime", webm: "video/webm",
  mkv: "video/x-matroska", avi: "video/x-msvideo", mp3: "audio/mpeg", m4a: "audio/mp4", wav: "audio/wav",
  ogg: "audio/ogg", flac: "audio/flac", pdf: "application/pdf", txt: "text/plain", csv: "text/csv",
  doc: "application/msword", zip: "application/zip", json: "application/json", xls: "application/vnd.ms-excel",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  pptx: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  ppt: "application/vnd.ms-powerpoint", srt: "application/x-subrip",
};

/** Words that stand for several endings of the same thing. */
const SAME: Record<string, string> = { jpeg: "jpg", htm: "html", tiff: "tif" };

/** The ending of a name, lower case and without its dot; empty when there is none. */
export function endingOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
}

/** The media type that an ending stands for. */
export function typeOfEnding(name: string): string | undefined {
  return TYPES[endingOf(name)];
}

/** Whether one word of `accept` lets a file through. */
function passes(word: string, ending: string, types: string[]): boolean {
  if (word === "*" || word === "*/*") return true;
  if (word.includes("/")) {
    const family = word.endsWith("/*") ? word.slice(0, -1) : undefined;
    return types.some((type) => (family ? type.startsWith(family) : type === word));
  }
  const wanted = word.replace(/^\*?\./, "");
  const same = (one: string) => SAME[one] ?? one;
  return ending !== "" && same(ending) === same(wanted);
}

/** Whether a file may be taken. An empty `accept` takes everything. */
export function isAccepted(accept: string[], name: string, mimetype: string): boolean {
  if (accept.length === 0) return true;
  const ending = endingOf(name);
  const types = [mimetype.toLowerCase(), TYPES[ending]].filter((type) => type !== undefined);
  return accept.some((word) => passes(word.trim().toLowerCase(), ending, types));
}

/** `accept` with its endings turned into media types, as far as they are known. */
export function asTypes(accept: string[]): string[] {
  return accept.map((word) => (word.includes("/") ? word : TYPES[word.replace(/^\*?\./, "").toLowerCase()] ?? word));
}
