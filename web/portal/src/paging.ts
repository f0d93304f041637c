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
  /** New ones since, not yet shown. */
  fresh: number;
  /** Shows them. */
  showFresh: () => void;
  /** Looks whether there are new ones, and whether those that are shown have changed. */
  look: () => void;
}

interface State<T> {
  path: string;
  items?: T[];
  next: string | null;
  trouble: string;
  waiting: T[];
}

function cursor(path: string, next: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(next)}`;
}

/** The list at `path`, whose items are told apart by `name`. */
export function usePaged<T>(path: string, name: (item: T) => string | number): Paged<T> {
  const [state, setState] = useState<State<T>>({ path, next: null, trouble: "", waiting: [] });
  const [loading, setLoading] = useState(false);
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
    fresh: now.waiting.length,
    showFresh: () => setState({ ...now, items: [...now.waiting, ...(now.items ?? [])], waiting: [] }),
    look: () => void load(path, (page, before) => merge(page, before, name), true),
  };
}

/** Shown ones are brought up to date; new ones wait, so that nothing moves under the eye. */
function merge<T>(page: Page<T>, before: State<T>, name: (item: T) => string | number): State<T> {
  if (!before.items) return before;
  const latest = new Map(page.items.map((item) => [name(item), item]));
  const shown = new Set(before.items.map(name));
  const items = before.items.map((item) => latest.get(name(item)) ?? item);
  const fresh = page.items.filter((item) => !shown.has(name(item)));
  // The first of an empty list may show at once: there is nothing to move.
  if (before.items.length === 0) return { ...before, items: fresh, next: page.next, waiting: [] };
  const kept = before.waiting.filter((item) => !latest.has(name(item)));
  return { ...before, items, waiting: [...fresh, ...kept] };
}
