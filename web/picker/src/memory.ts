/**
 * What the picker remembers between visits, in the page's own storage and never in a cookie. A
 * page may be forbidden to keep anything; the picker then begins anew each time.
 */

export function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keep(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // Not kept, then.
  }
}

/** What is remembered of how somebody looked at a source. */
export interface Habits {
  path?: string;
  grid?: boolean;
  sort?: string;
}

export function recallHabits(name: string): Habits {
  try {
    const kept: unknown = JSON.parse(recall(name) ?? "{}");
    if (typeof kept !== "object" || kept === null) return {};
    const { path, grid, sort } = kept as Record<string, unknown>;
    return {
      ...(typeof path === "string" ? { path } : {}),
      ...(typeof grid === "boolean" ? { grid } : {}),
      ...(typeof sort === "string" ? { sort } : {}),
    };
  } catch {
    return {};
  }
}
