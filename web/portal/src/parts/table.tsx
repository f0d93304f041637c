/** A table with a row for each item. Its first cell holds the link that the keys go through. */

import type { ComponentChildren } from "preact";
import type { Paged } from "../paging.js";
import { Ghosts, Trouble } from "./notice.js";

export interface Column<T> {
  name: string;
  cell: (item: T) => ComponentChildren;
  /** Left out on a phone. */
  wide?: boolean;
  kind?: string;
}

/** A click anywhere in a row opens it, but for what is a button or a link itself. */
function openRow(event: MouseEvent): void {
  const target = event.target as Element;
  if (target.closest("a, button, input, select, label") || String(getSelection())) return;
  target.closest("tr")?.querySelector<HTMLElement>("[data-row]")?.click();
}

function kindOf<T>(column: Column<T>): string {
  return [column.kind, column.wide && "wide-only"].filter(Boolean).join(" ");
}

export function Table<T>({ label, columns, items, name, chosen, still = false }: {
  label: string;
  columns: Column<T>[];
  items: T[];
  name: (item: T) => string | number;
  chosen?: string | undefined;
  /** Its rows hold nothing that takes the focus: the keyboard scrolls it as a whole. */
  still?: boolean;
}) {
  return (
    <div class="scroll" {...(still ? { tabIndex: 0, role: "region", "aria-label": label } : {})}>
      <table aria-label={label}>
        <thead>
          <tr>{columns.map((column) => <th key={column.name} scope="col" class={kindOf(column)}>{column.name}</th>)}</tr>
        </thead>
        <tbody onClick={openRow}>
          {items.map((item) => (
            <tr key={name(item)} class={String(name(item)) === chosen ? "on" : undefined}>
              {columns.map((column) => <td key={column.name} class={kindOf(column)}>{column.cell(item)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A list in pages: loading, trouble, what it teaches when empty, the rows, and more of them. */
export function PagedTable<T>({ paged, empty, ...table }: {
  paged: Paged<T>;
  empty: ComponentChildren;
  label: string;
  columns: Column<T>[];
  name: (item: T) => string | number;
  chosen?: string | undefined;
  still?: boolean;
}) {
  const { items } = paged;
  return (
    <div class="listed">
      <Trouble text={paged.trouble} again={paged.again} />
      {!items && !paged.trouble && <Ghosts rows={8} />}
      {items?.length === 0 && empty}
      {items && items.length > 0 && <Table {...table} items={items} />}
      {paged.more && (
        <div class="more">
          <button type="button" class="plain" disabled={paged.loading} onClick={paged.loadMore}>Show more</button>
        </div>
      )}
    </div>
  );
}
