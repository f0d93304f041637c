/**
 * Where one is: the path below `/portal` and the filters in the query. Links are plain links; a
 * click on one of ours changes the page without loading it anew.
 */

import { useEffect, useState } from "preact/hooks";

export const HOME = "/portal";

/** A place in the portal: the parts of its path, and its query. */
export interface Place {
  path: string;
  parts: string[];
  search: URLSearchParams;
}

const listeners = new Set<() => void>();

/** The place that the address names. */
export function place(): Place {
  const path = location.pathname.replace(/\/+$/, "") || HOME;
  const parts = path.slice(HOME.length).split("/").filter(Boolean).map(plain);
  return { path, parts, search: new URLSearchParams(location.search) };
}

function plain(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Goes to a place; `replace` where going back should not lead here again. */
export function go(to: string, replace = false): void {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  for (const listener of listeners) listener();
}

/** The address of an application's page. */
export function at(apikey: string, ...rest: (string | number)[]): string {
  return [HOME, "apps", apikey, ...rest].map((part, index) => (index === 0 ? part : encodeURIComponent(part))).join("/");
}

/** Sets filters in the query and keeps the others; empty ones vanish. */
export function filter(changes: Record<string, string>): void {
  const { path, search } = place();
  for (const [name, value] of Object.entries(changes)) {
    if (value) search.set(name, value);
    else search.delete(name);
  }
  const text = search.toString();
  go(path + (text && `?${text}`), true);
}

/** Where to return to after signing in; nothing that leads out of the portal. */
export function wayBack(wanted: string | null): string {
  const base = "http://here.invalid";
  if (!wanted || !URL.canParse(wanted, base)) return HOME;
  const { origin, pathname, search } = new URL(wanted, base);
  return origin === base && pathname.startsWith(`${HOME}/`) ? pathname + search : HOME;
}

function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest("a");
  if (!link || link.target || link.origin !== location.origin) return;
  if (link.pathname !== HOME && !link.pathname.startsWith(`${HOME}/`)) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  if (link.href !== location.href) go(link.href);
}

/** The place, drawn anew when it changes. */
export function usePlace(): Place {
  const [now, setNow] = useState(place);
  useEffect(() => {
    const changed = () => setNow(place());
    listeners.add(changed);
    addEventListener("popstate", changed);
    document.addEventListener("click", follow);
    return () => {
      listeners.delete(changed);
      removeEventListener("popstate", changed);
      document.removeEventListener("click", follow);
    };
  }, []);
  return now;
}
