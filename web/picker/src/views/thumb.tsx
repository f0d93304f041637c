/**
 * The small picture of an item. Pictures are fetched only for what stays in sight: who scrolls
 * past a thousand photos fetches none of them.
 */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Item } from "../sources/source.js";

/** How long an item must stay in sight. */
const STAYS_MS = 90;
/** Addresses that were shown once come from the browser's cache: no waiting for those. */
const shown = new Set<string>();
const MOST_SHOWN = 4000;

/** From this many px in a second on nobody looks at pictures. */
const FAST = 1500;
/** How long a fast movement is taken to go on. */
const CALM_MS = 140;

/** Until when what is in sight moves too fast to be looked at; performance.now(). */
let fastUntil = 0;
let lastMove = 0;

/** A list was scrolled by so many px. */
export function moved(by: number): void {
  const now = performance.now();
  const seconds = Math.max(1, now - lastMove) / 1000;
  lastMove = now;
  if (Math.abs(by) / seconds > FAST) fastUntil = now + CALM_MS;
}

export function Thumb({ item, hidden }: { item: Item; hidden: boolean }) {
  if (item.picture && !hidden) return <Drawn picture={item.picture} />;
  return <Fetched item={item} hidden={hidden} />;
}

/** Longest side of a drawn picture, in px: sharp where a screen has two for one. */
const DRAWN = 192;

let lastDrawn: Promise<unknown> = Promise.resolve();

/**
 * Draws a small picture, once it is its turn: a browser decodes a photograph whole, and five
 * hundred of them at once would take all memory there is.
 */
function drawInTurn(picture: Blob, place: () => HTMLCanvasElement | null): void {
  const draw = async () => {
    if (!place()) return;
    const bitmap = await createImageBitmap(picture);
    const canvas = place();
    if (canvas) {
      const scale = Math.min(1, DRAWN / Math.max(bitmap.width, bitmap.height));
      canvas.width = Math.max(1, Math.round(bitmap.width * scale));
      canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      const pen = canvas.getContext("2d");
      if (pen) pen.imageSmoothingQuality = "high";
      pen?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    }
    bitmap.close();
  };
  // What cannot be shown leaves its place empty.
  lastDrawn = lastDrawn.then(draw).catch(() => undefined);
}

/** A picture that the browser has. Drawn, because a page's policy may allow no `blob:` images. */
function Drawn({ picture }: { picture: Blob }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let gone = false;
    const place = canvas.current;
    // Only what comes into sight is drawn.
    const watch = new IntersectionObserver(([seen]) => {
      if (!seen?.isIntersecting) return;
      watch.disconnect();
      drawInTurn(picture, () => (gone ? null : place));
    });
    if (place) watch.observe(place);
    return () => {
      gone = true;
      watch.disconnect();
    };
  }, [picture]);
  return <span class="thumb photo" aria-hidden="true"><canvas ref={canvas} /></span>;
}

function Fetched({ item, hidden }: { item: Item; hidden: boolean }) {
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
    let timer = 0;
    const wait = () => {
      const left = fastUntil - performance.now();
      timer = window.setTimeout(() => (performance.now() < fastUntil ? wait() : setReady(true)), Math.max(STAYS_MS, left));
    };
    wait();
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
