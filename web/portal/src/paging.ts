/** Lists that go on by a cursor: the first page, and more of it as somebody asks. */

import { useEffect, useRef, useState } from "preact/hooks";
import { get, words } from "./api/client.js";
import type { Page } from "./api/shapes.js";

export interface Paged<T> {
  items: T[] | undefined;
  trouble: string;
  /** Whether there is a next page. */
  more: boolean;
  loading: boolean;
  loadMore: () => void;
  /** From the first page again. */
  again: () => void;
  /** New ones since that are not shown yet, as a count; empty for none. */
  fresh: string;
  /** Shows them. */
  showFresh: () => void;
  /** Looks whether there are new ones, and whether those that are shown have changed. */
  look: () => void;
}

export interface State<T> {
  path: string;
  items?: T[];
  next: string | null;
  trouble: string;
  waiting: T[];
  /** There are more new ones than one page holds: the list is loaded anew to show them. */
  gap?: boolean;
}

function cursor(path: string, next: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(next)}`;
}

/** The list at `path`, whose items are told apart by `name`. */
export function usePaged<T>(path: string, name: (item: T) => string | number): Paged<T> {
  const [state, setState] = useState<State<T>>({ path, next: null, trouble: "", waiting: [] });
  const [loading, setLoading] = useState(false);
  const looking = useRef(false);
  const present = useRef(path);
  present.current = path;
  const now = state.path === path ? state : { path, next: null, trouble: "", waiting: [] as T[] };

  const load = async (address: string, put: (page: Page<T>, before: State<T>) => State<T>, quiet = false) => {
    if (!quiet) setLoading(true);
    try {
      const page = await get<Page<T>>(address);
      // An answer to other filters than the present ones is nobody's.
      if (present.current === path) setState((before) => put(page, before));
    } catch (error) {
      if (present.current === path && !quiet) setState((before) => ({ ...(before.path === path ? before : now), trouble: words(error) }));
    } finally {
      if (!quiet) setLoading(false);
    }
  };
  const first = () => void load(path, (page) => ({ path, items: page.items, next: page.next, trouble: "", waiting: [] }));
  useEffect(first, [path]);

  return {
    items: now.items,
    trouble: now.trouble,
    more: now.next !== null,
    loading,
    again: first,
    loadMore: () => {
      if (now.next === null || loading) return;
      void load(cursor(path, now.next), (page, before) => ({ ...before, items: [...(before.items ?? []), ...page.items], next: page.next, trouble: "" }));
    },
    fresh: now.waiting.length > 0 ? `${now.waiting.length}${now.gap ? "+" : ""}` : "",
    showFresh: now.gap ? first : () => setState({ ...now, items: [...now.waiting, ...(now.items ?? [])], waiting: [] }),
    look: () => {
      // A slow answer is waited for, and not asked for again.
      if (looking.current) return;
      looking.current = true;
      void load(path, (page, before) => merge(page, before, name), true).finally(() => {
        looking.current = false;
      });
    },
  };
}

/** Shown ones are brought up to date; new ones wait, so that nothing moves under the eye. */
export function merge<T>(page: Page<T>, before: State<T>, name: (item: T) => string | number): State<T> {
  if (!before.items) return before;
  const latest = new Map(page.items.map((item) => [name(item), item]));
  const shown = new Set(before.items.map(name));
  const items = before.items.map((item) => latest.get(name(item)) ?? item);
  const fresh = page.items.filter((item) => !shown.has(name(item)));
  // The first of an empty list may show at once: there is nothing to move.
  if (before.items.length === 0) return { ...before, items: fresh, next: page.next, waiting: [] };
  const waited = new Set(before.waiting.map(name));
  const joins = page.next === null || page.items.some((item) => shown.has(name(item)) || waited.has(name(item)));
  const kept = joins ? before.waiting.filter((item) => !latest.has(name(item))) : [];
  return { ...before, items, waiting: [...fresh, ...kept], gap: !joins || before.gap === true };
}
