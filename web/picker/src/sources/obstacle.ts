/** Why a file may not be chosen, whichever source it comes from. */

import type { App } from "../app.js";
import { isAccepted } from "../accept.js";

/** The reason in the visitor's language; nothing where the file may be chosen. */
export function obstacleOf(file: { name: string; mimetype: string; bytes: number }, { words, settings }: Pick<App, "words" | "settings">): string | undefined {
  if (!isAccepted(settings.accept, file.name, file.mimetype)) {
    return words.t("File {displayName} is not an accepted file type. The accepted file types are {types}", {
      displayName: file.name,
      types: settings.accept.join(", "),
    });
  }
  if (settings.maxSize !== undefined && file.bytes > settings.maxSize) {
    return words.t("File {displayName} is too big. The accepted file size is less than {roundFileSize}", {
      displayName: file.name,
      roundFileSize: words.size(settings.maxSize),
    });
  }
  return undefined;
}
