/** Seconds until something goes on by itself, counted down as they pass. */

import { useEffect, useState } from "preact/hooks";

export function useSeconds(until: number | undefined): number {
  const left = () => (until === undefined ? 0 : Math.max(0, Math.ceil((until - Date.now()) / 1000)));
  const [seconds, set] = useState(left);
  useEffect(() => {
    set(left());
    if (until === undefined) return undefined;
    const timer = setInterval(() => set(left()), 250);
    return () => clearInterval(timer);
  }, [until]);
  return seconds;
}
