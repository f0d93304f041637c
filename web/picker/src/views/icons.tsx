/** The few icons, 20 by 20, drawn as lines in the color of the text. */

import { PATHS, type IconName } from "./icon_paths.js";

export type { IconName };

const SOLID = new Set<IconName>(["dropbox"]);

/** A picture that says nothing to a screen reader: what it means stands beside it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={SOLID.has(name) ? "icon solid" : "icon"} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
