/**
 * The order of a folder's entries, kept while pages of it still come in. A page is sorted for
 * itself and merged, so that 100,000 entries cost 100,000 small steps and not one long one.
 */

import type { Item } from "../source.js";

export type Sort = "name" | "modified" | "size";

export const SORTS: readonly Sort[] = ["name", "modified", "size"];

type Compare = (a: Item, b: Item) => number;

/** How a sort compares; folders always stand first. `reverse` turns all but that. */
export function comparing(sort: Sort, reverse: boolean, locale: string): Compare {
  const names = new Intl.Collator(locale, { numeric: true, sensitivity: "base" });
  const byName: Compare = (a, b) => names.compare(a.name, b.name);
  const orders: Record<Sort, Compare> = {
    name: byName,
    // The newest and the largest are what people look for, so they stand first.
    modified: (a, b) => compareTexts(b.modified ?? "", a.modified ?? "") || byName(a, b),
    size: (a, b) => b.bytes - a.bytes || byName(a, b),
  };
  const order = orders[sort];
  const turn = reverse ? -1 : 1;
  return (a, b) => Number(b.folder) - Number(a.folder) || turn * order(a, b);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Merges a page into entries that are in order already. Equal ones keep the order they came in. */
export function merge(entries: Item[], page: Item[], compare: Compare): Item[] {
  const sorted = [...page].sort(compare);
  const merged: Item[] = [];
  let at = 0;
  for (const item of sorted) {
    const place = placeOf(entries, item, compare, at);
    for (; at < place; at += 1) merged.push(entries[at] as Item);
    merged.push(item);
  }
  for (; at < entries.length; at += 1) merged.push(entries[at] as Item);
  return merged;
}

/** Where an item goes: behind the last entry that is not greater. */
function placeOf(entries: Item[], item: Item, compare: Compare, from: number): number {
  let [low, high] = [from, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(entries[middle] as Item, item) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
