/** Tells views that something they show has changed. */

import { useEffect, useState } from "preact/hooks";

export class Emitter {
  readonly #listeners = new Set<() => void>();

  /** Calls `listener` after every change until the answered function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Draws a view again whenever one of these changes. */
export function useChanges(...emitters: Emitter[]): void {
  const [, redraw] = useState(0);
  useEffect(() => {
    const again = () => redraw((count) => count + 1);
    const ends = emitters.map((emitter) => emitter.subscribe(again));
    // What changed between the first drawing and now.
    again();
    return () => ends.forEach((end) => end());
  }, emitters);
}
