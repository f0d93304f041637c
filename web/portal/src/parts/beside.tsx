/** A list with, beside it, what one row opens; on a narrow screen in the list's place. */

import type { ComponentChildren } from "preact";

export function Beside({ children, opened }: { children: ComponentChildren; opened: ComponentChildren }) {
  return (
    <div class={opened ? "beside open" : "beside"}>
      <div>{children}</div>
      {opened}
    </div>
  );
}

/** What is opened; `close` is the address of the list alone. */
export function Panel({ title, close, children }: { title: ComponentChildren; close: string; children: ComponentChildren }) {
  return (
    <section class="panel" aria-label={typeof title === "string" ? title : "Details"}>
      <header>
        <h2>{title}</h2>
        <a class="quiet small" href={close} data-close>Close</a>
      </header>
      {children}
    </section>
  );
}
