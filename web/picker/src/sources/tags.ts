/** The tags that an integration wants on a file: texts, or functions of the file. */

import type { Settings } from "../options.js";
import { picked } from "../result.js";
import type { Item } from "./source.js";

/** The tags of one file; nothing where there are none. */
export function tagsOf(settings: Settings): (item: Item) => Record<string, string> | undefined {
  const tags = Object.entries(settings.uploadConfig?.tags ?? {});
  return (item) => {
    if (tags.length === 0) return undefined;
    const texts = tags.map(([name, value]) => [name, typeof value === "function" ? value(picked(item, "")) : value]);
    return Object.fromEntries(texts.filter(([, value]) => typeof value === "string")) as Record<string, string>;
  };
}
