/** A time as how long ago it is; the exact time shows where one points at it. */

import { useEffect, useState } from "preact/hooks";
import { exact, relative } from "../format.js";

const listeners = new Set<(now: number) => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** The present, told to all who watch by one timer. */
function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    listeners.add(setNow);
    timer ??= setInterval(() => {
      const present = Date.now();
      for (const listener of listeners) listener(present);
    }, 5000);
    return () => {
      listeners.delete(setNow);
      if (listeners.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
  return Math.max(now, Date.now() - 5000);
}

export function When({ at, never = "never" }: { at: number | null; never?: string }) {
  const now = useNow();
  if (at === null) return <span class="faint">{never}</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={exact(at)}>
      {relative(at, now)}
    </time>
  );
}
