/** Items as the tests need them. */

import type { Item } from "../src/sources/source.js";

export function item(name: string, about: Partial<Item> = {}): Item {
  return {
    key: `dropbox:/${name}`,
    source: "dropbox",
    name,
    path: `/${name}`,
    folder: false,
    mimetype: "application/octet-stream",
    bytes: 100,
    thumbnail: "",
    pictured: false,
    ...about,
  };
}
