/**
 * The small picture of an item. Pictures are fetched only for what stays in sight: who scrolls
 * past a thousand photos fetches none of them.
 */

import { useEffect, useState } from "preact/hooks";
import type { Item } from "../sources/source.js";

/** How long an item must stay in sight. */
const STAYS_MS = 90;
/** Addresses that were shown once come from the browser's cache: no waiting for those. */
const shown = new Set<string>();
const MOST_SHOWN = 4000;

export function Thumb({ item, hidden }: { item: Item; hidden: boolean }) {
  const src = hidden && item.pictured ? "" : item.thumbnail;
  const now = !item.pictured || shown.has(src);
  const [ready, setReady] = useState(now);
  const [broken, setBroken] = useState(false);
  useEffect(() => {
    setBroken(false);
    if (now) {
      setReady(true);
      return undefined;
    }
    setReady(false);
    const timer = setTimeout(() => setReady(true), STAYS_MS);
    return () => clearTimeout(timer);
  }, [src]);
  const loaded = () => {
    if (shown.size > MOST_SHOWN) shown.clear();
    shown.add(src);
  };
  return (
    <span class={item.pictured ? "thumb photo" : "thumb"} aria-hidden="true">
      {ready && src && !broken ? (
        <img src={src} alt="" decoding="async" draggable={false} onLoad={loaded} onError={() => setBroken(true)} />
      ) : null}
    </span>
  );
}
