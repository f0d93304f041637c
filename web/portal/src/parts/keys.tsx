/**
 * The keys: up and down go through the rows of a table, Enter opens, `/` goes to the filter, `?`
 * shows them. None is heard while somebody writes in a field or answers a question.
 */

import { useEffect, useState } from "preact/hooks";
import { Window } from "./ask.js";

const KEYS: [key: string, what: string][] = [
  ["↑ ↓", "Go through the rows"],
  ["Enter", "Open the row"],
  ["Esc", "Close what stands beside the table"],
  ["/", "Go to the filter"],
  ["?", "Show the keys"],
];

/** The next row's link from where the focus is; without one, the first. */
function step(by: number): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")].filter((row) => row.checkVisibility());
  if (rows.length === 0) return false;
  const now = rows.findIndex((row) => row === document.activeElement || row.closest("tr")?.contains(document.activeElement));
  const next = rows[now < 0 ? 0 : Math.min(Math.max(now + by, 0), rows.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return true;
}

function press(event: KeyboardEvent, help: () => void): void {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const target = event.target as HTMLElement;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) return;
  if (event.key === "?") help();
  else if (event.key === "/") {
    const field = document.querySelector<HTMLElement>("main [data-filter]") ?? document.querySelector<HTMLElement>("nav .search input");
    if (!field?.checkVisibility()) return;
    event.preventDefault();
    field.focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    // Code scrolls by these keys when it has the focus.
    if (target.tagName === "PRE") return;
    if (step(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
  } else if (event.key === "Escape") {
    document.querySelector<HTMLAnchorElement>("main a[data-close]")?.click();
  }
}

export function KeysHelp() {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const show = () => setOpen(true);
    const pressed = (event: KeyboardEvent) => press(event, show);
    addEventListener("keydown", pressed);
    addEventListener("longshore-keys", show);
    return () => {
      removeEventListener("keydown", pressed);
      removeEventListener("longshore-keys", show);
    };
  }, []);
  if (!open) return null;
  return (
    <Window title="Keys" onClose={() => setOpen(false)}>
      <dl class="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div class="actions end">
        <button type="button" class="plain" onClick={() => setOpen(false)}>Close</button>
      </div>
    </Window>
  );
}
