/** The server's pictures of kinds of files, for those that have none of their own. */

import { endingOf } from "../accept.js";

const KINDS: Record<string, string> = {
  pdf: "pdf", doc: "document", docx: "document", odt: "document", rtf: "document", pages: "document",
  xls: "sheet", xlsx: "sheet", ods: "sheet", csv: "sheet", numbers: "sheet",
  ppt: "slides", pptx: "slides", odp: "slides", key: "slides",
  zip: "archive", gz: "archive", tar: "archive", "7z": "archive", rar: "archive",
};

/** The address of the picture for a file of this name and media type. */
export function kindPicture(server: { url: string }, name: string, mimetype: string): string {
  const family = mimetype.split("/")[0] ?? "";
  const kind = KINDS[endingOf(name)] ?? (["image", "video", "audio", "text"].includes(family) ? family : "file");
  return `${server.url}/icons/${kind}.svg`;
}
