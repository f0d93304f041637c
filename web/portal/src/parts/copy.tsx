/** What is copied by a click: ids, addresses, code. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** Copies; where the browser does not let us, says so. */
function useCopy(text: string): [state: "" | "copied" | "failed", copy: () => void] {
  const [state, setState] = useState<"" | "copied" | "failed">("");
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = () => {
    // Without https there is no clipboard.
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    done.then(
      () => setState("copied"),
      () => setState("failed"),
    );
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setState(""), 1600);
  };
  return [state, copy];
}

function told(state: "" | "copied" | "failed"): string {
  if (state === "copied") return "Copied";
  return state === "failed" ? "Select it and copy by hand" : "";
}

/** An id: shows it, and a click copies it. `text` is copied where another is shown. */
export function Id({ children, text, short = false }: { children: string | number; text?: string; short?: boolean }) {
  const whole = text ?? String(children);
  const [state, copy] = useCopy(whole);
  return (
    <button type="button" class={short ? "id short" : "id"} title={state ? told(state) : `Copy ${whole}`} onClick={copy}>
      <span>{children}</span>
      <span class="said" role="status">{told(state)}</span>
    </button>
  );
}

/** A button that copies a text. */
export function Copy({ text, children = "Copy", kind = "plain small" }: { text: string; children?: ComponentChildren; kind?: string }) {
  const [state, copy] = useCopy(text);
  return (
    <button type="button" class={kind} onClick={copy}>
      <span aria-live="polite">{told(state) || children}</span>
    </button>
  );
}

/** Lines of code with a button that copies them. `name` is how a screen reader calls them. */
export function Code({ text, name }: { text: string; name: string }) {
  return (
    <div class="code">
      <pre tabIndex={0} role="region" aria-label={name}>{text}</pre>
      <Copy text={text} />
    </div>
  );
}

/** One line that is copied whole, such as an address. */
export function Line({ text, name }: { text: string; name: string }) {
  return (
    <div class="line">
      <code aria-label={name}>{text}</code>
      <Copy text={text} />
    </div>
  );
}
