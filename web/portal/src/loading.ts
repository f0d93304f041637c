/** What pages load: kept on the screen while it is loaded again, so that nothing jumps. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { words } from "./api/client.js";

export interface Loaded<T> {
  value: T | undefined;
  /** Why the last load failed; empty if it did not. */
  trouble: string;
  again: () => Promise<void>;
  set: (value: T) => void;
}

/** Loads when `key` changes. An answer that a newer load has overtaken is dropped. */
export function useLoaded<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; trouble: string }>({ key, trouble: "" });
  const turn = useRef(0);
  const latest = useRef(load);
  latest.current = load;
  const again = useCallback(async () => {
    turn.current += 1;
    const mine = turn.current;
    try {
      const value = await latest.current();
      if (mine === turn.current) setState({ key, value, trouble: "" });
    } catch (error) {
      if (mine === turn.current) setState((before) => ({ ...(before.key === key ? before : { key }), trouble: words(error) }));
    }
  }, [key]);
  useEffect(() => {
    void again();
    return () => {
      turn.current += 1;
    };
  }, [again]);
  const set = useCallback((value: T) => setState({ key, value, trouble: "" }), [key]);
  const fits = state.key === key;
  return { value: fits ? state.value : undefined, trouble: fits ? state.trouble : "", again, set };
}

export interface Doing {
  busy: boolean;
  trouble: string;
  /** Runs; answers whether it worked. A second run waits for no one: it is not begun. */
  run: (work: () => Promise<void>) => Promise<boolean>;
  clear: () => void;
}

/** One change at a time, with its trouble in words. */
export function useDoing(): Doing {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const running = useRef(false);
  const run = async (work: () => Promise<void>) => {
    if (running.current) return false;
    running.current = true;
    setBusy(true);
    setTrouble("");
    try {
      await work();
      return true;
    } catch (error) {
      setTrouble(words(error));
      return false;
    } finally {
      running.current = false;
      setBusy(false);
    }
  };
  return { busy, trouble, run, clear: () => setTrouble("") };
}

/** Calls `tick` every `milliseconds` while the page is looked at. */
export function useWhileVisible(milliseconds: number, tick: () => void): void {
  const latest = useRef(tick);
  latest.current = tick;
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") latest.current();
    }, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
}
