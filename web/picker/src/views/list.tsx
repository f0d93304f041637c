/**
 * Many items as a list or a grid that only draws what is in sight. Chosen by mouse, thumb and
 * keyboard alike; the focus stays on the list, and the active item is told to screen readers.
 */

import { Component, createRef } from "preact";
import type { App } from "../app.js";
import { plainName } from "../format.js";
import type { Item } from "../sources/source.js";
import { Icon } from "./icons.js";
import { moved, Thumb } from "./thumb.js";
import { drawn, scrollTo, wholeHeight } from "./window.js";

export interface ListProps {
  app: App;
  entries: Item[];
  grid: boolean;
  label: string;
  /** Whether a folder can be chosen as a whole. */
  takesFolders: boolean;
  /** Shown below the last entry. */
  end?: preact.ComponentChildren;
  onOpen: (folder: Item) => void;
  onUp: () => void;
  onSearch: () => void;
}

interface ListState {
  top: number;
  height: number;
  width: number;
  row: number;
  columns: number;
  at: number;
}

/** Letters that come within this time of each other are one word. */
const WORD_MS = 700;
/** Width of a grid's cell at least, in px; the style sheet has the same. */
const CELL = 148;

export class List extends Component<ListProps, ListState> {
  override state: ListState = { top: 0, height: 600, width: 640, row: 52, columns: 1, at: 0 };
  readonly #scroller = createRef<HTMLDivElement>();
  readonly #probe = createRef<HTMLDivElement>();
  #anchor = 0;
  #lastTop = 0;
  #typed = "";
  #typedAt = 0;
  #measuring: ResizeObserver | undefined;

  override componentDidMount(): void {
    this.#measuring = new ResizeObserver(() => this.#measure());
    for (const one of [this.#scroller.current, this.#probe.current]) if (one) this.#measuring.observe(one);
    this.#measure();
    // Whoever types what to search for goes on typing.
    const root = this.#scroller.current?.getRootNode();
    const types = root instanceof ShadowRoot && root.activeElement instanceof HTMLInputElement;
    if (!types) this.focus();
  }

  override componentWillUnmount(): void {
    this.#measuring?.disconnect();
  }

  override componentDidUpdate(before: ListProps): void {
    if (before.grid !== this.props.grid) this.#measure();
    if (before.entries !== this.props.entries) this.#keepPlace(before.entries);
  }

  focus(): void {
    this.#scroller.current?.focus({ preventScroll: true });
  }

  #measure(): void {
    const scroller = this.#scroller.current;
    const row = this.#probe.current?.offsetHeight ?? 0;
    if (!scroller || row === 0) return;
    const width = scroller.clientWidth;
    const columns = this.props.grid ? Math.max(2, Math.floor((width - 16) / CELL)) : 1;
    this.setState({ row, columns, width, height: scroller.clientHeight, top: scroller.scrollTop });
  }

  /** Entries came in between: what was in sight stays where it was. */
  #keepPlace(before: Item[]): void {
    const { entries } = this.props;
    const { top, row, columns, at } = this.state;
    const active = before[at];
    const moved = active ? entries.indexOf(active) : -1;
    const next = moved >= 0 ? moved : Math.min(at, Math.max(0, entries.length - 1));
    if (next !== at) this.setState({ at: next });
    const scroller = this.#scroller.current;
    const first = before[Math.floor(top / row) * columns];
    if (!scroller || top === 0 || !first) return;
    const now = entries.indexOf(first);
    if (now >= 0) scroller.scrollTop = Math.floor(now / columns) * row + (top % row);
  }

  readonly #scrolled = (): void => {
    const scroller = this.#scroller.current;
    if (!scroller) return;
    moved(scroller.scrollTop - this.#lastTop);
    this.#lastTop = scroller.scrollTop;
    const sight = { ...this.state, count: this.props.entries.length };
    const before = drawn(sight);
    const after = drawn({ ...sight, top: scroller.scrollTop });
    // Drawn anew only when a row comes into sight.
    if (before[0] !== after[0] || before[1] !== after[1]) this.setState({ top: scroller.scrollTop });
    else this.state.top = scroller.scrollTop;
  };

  // ---- Moving ----

  #go(index: number): void {
    const { entries } = this.props;
    if (entries.length === 0) return;
    const at = Math.max(0, Math.min(entries.length - 1, index));
    const scroller = this.#scroller.current;
    if (scroller) {
      const top = scrollTo(at, { ...this.state, top: scroller.scrollTop });
      if (top !== scroller.scrollTop) scroller.scrollTop = top;
    }
    this.setState({ at });
  }

  /** The next entry that begins with what was typed. */
  #type(letter: string): void {
    const now = Date.now();
    const goesOn = now - this.#typedAt < WORD_MS;
    this.#typed = (goesOn ? this.#typed : "") + letter.toLocaleLowerCase();
    this.#typedAt = now;
    const { entries } = this.props;
    // One letter again and again goes through all that begin with it.
    const first = this.#typed.slice(0, letter.length);
    const repeated = this.#typed.replaceAll(first, "") === "";
    const wanted = repeated ? first : this.#typed;
    const from = this.state.at + (repeated ? 1 : 0);
    for (let step = 0; step < entries.length; step += 1) {
      const index = (from + step) % entries.length;
      if (entries[index]?.name.toLocaleLowerCase().startsWith(wanted)) {
        this.#go(index);
        return;
      }
    }
  }

  // ---- Choosing ----

  #range(to: number): void {
    const { app, entries } = this.props;
    const [from, end] = [Math.min(this.#anchor, to), Math.max(this.#anchor, to)];
    void app.takeAll(entries.slice(from, end + 1));
  }

  #toggle(index: number): void {
    const item = this.props.entries[index];
    if (!item) return;
    this.#anchor = index;
    this.props.app.toggle(item);
  }

  readonly #click = (event: MouseEvent): void => {
    const target = event.target instanceof Element ? event.target : undefined;
    const index = Number(target?.closest<HTMLElement>("[data-index]")?.dataset["index"] ?? -1);
    const item = this.props.entries[index];
    if (!item) return;
    this.#go(index);
    const ticks = target?.closest(".tick") !== null;
    if (item.folder && !(ticks && this.props.takesFolders)) this.props.onOpen(item);
    else if (event.shiftKey && this.props.app.settings.maxFiles > 1 && !item.folder) this.#range(index);
    else this.#toggle(index);
  };

  /** With one file to pick, two clicks pick it. */
  readonly #doubleClick = (event: MouseEvent): void => {
    const { app, entries } = this.props;
    const target = event.target instanceof Element ? event.target : undefined;
    const item = entries[Number(target?.closest<HTMLElement>("[data-index]")?.dataset["index"] ?? -1)];
    if (!item || item.folder || app.settings.maxFiles > 1) return;
    // The first click chose it and the second let it go.
    void app.take(item).then(() => app.upload());
  };

  readonly #key = (event: KeyboardEvent): void => {
    const { app, entries, grid, onOpen, onUp, onSearch, takesFolders } = this.props;
    const { at, columns, height, row } = this.state;
    const item = entries[at];
    const page = Math.max(1, Math.floor(height / row) - 1) * columns;
    const command = event.ctrlKey || event.metaKey;
    const forward = app.words.rtl ? -1 : 1;
    const keys: Record<string, () => void> = {
      ArrowDown: () => this.#go(at + columns),
      ArrowUp: () => this.#go(at - columns),
      ArrowRight: () => grid && this.#go(at + forward),
      ArrowLeft: () => (event.altKey ? onUp() : grid && this.#go(at - forward)),
      PageDown: () => this.#go(at + page),
      PageUp: () => this.#go(at - page),
      Home: () => this.#go(0),
      End: () => this.#go(entries.length - 1),
      Backspace: onUp,
      Enter: () => {
        if (item?.folder) onOpen(item);
        else if (command) void (item ? app.take(item) : Promise.resolve()).then(() => app.upload());
        else this.#toggle(at);
      },
      " ": () => {
        if (event.shiftKey && app.settings.maxFiles > 1) this.#range(at);
        else if (item?.folder && !takesFolders) onOpen(item);
        else this.#toggle(at);
      },
    };
    if (command && event.key.toLowerCase() === "a") {
      event.preventDefault();
      if (app.settings.maxFiles > 1) void app.takeAll(entries);
      return;
    }
    // In the middle of a name a space is a letter of it.
    const spelling = event.key === " " && this.#typed !== "" && Date.now() - this.#typedAt < WORD_MS;
    const act = spelling ? undefined : keys[event.key];
    if (act) {
      event.preventDefault();
      act();
    } else if (event.key === "/") {
      event.preventDefault();
      onSearch();
    } else if (event.key.length === 1 && !command && !event.altKey) {
      event.preventDefault();
      this.#type(event.key);
    }
  };

  override render({ app, entries, grid, label, takesFolders, end }: ListProps, state: ListState) {
    const sight = { ...state, count: entries.length };
    const [first, last] = drawn(sight);
    const indexes = Array.from({ length: last - first }, (_, step) => first + step);
    const at = Math.min(state.at, entries.length - 1);
    // What is active is there for screen readers also when it is out of sight.
    if (at >= 0 && (at < first || at >= last)) indexes.push(at);
    return (
      <div
        ref={this.#scroller}
        class={grid ? "entries grid" : "entries"}
        part="entries"
        role="listbox"
        tabIndex={0}
        aria-label={label}
        aria-multiselectable={app.settings.maxFiles > 1}
        aria-activedescendant={entries.length > 0 ? `entry-${at}` : undefined}
        onScroll={this.#scrolled}
        onClick={this.#click}
        onDblClick={this.#doubleClick}
        onKeyDown={this.#key}
      >
        <div class="probe" aria-hidden="true" ref={this.#probe}>
          <span class="thumb" /><span class="name"><bdi>X</bdi><span class="meta">X</span></span>
        </div>
        <div class="sized" role="presentation" style={{ height: `${wholeHeight(sight)}px` }}>
          {indexes.map((index) => {
            const item = entries[index];
            return item ? (
              <Row
                key={item.key}
                app={app}
                item={item}
                index={index}
                count={entries.length}
                active={index === at}
                chosen={app.selection.has(item.key)}
                counting={app.counting.has(item.key)}
                grid={grid}
                takesFolders={takesFolders}
                row={state.row}
                cell={(state.width - 16) / state.columns}
                columns={state.columns}
              />
            ) : null;
          })}
        </div>
        {end}
      </div>
    );
  }
}

interface RowProps {
  app: App;
  item: Item;
  index: number;
  count: number;
  active: boolean;
  chosen: boolean;
  counting: boolean;
  grid: boolean;
  takesFolders: boolean;
  /** Height of a row, width of a cell, and how many stand beside each other. */
  row: number;
  cell: number;
  columns: number;
}

/** One entry. Drawn again only when it changed: while one scrolls, none does. */
class Row extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    const now = this.props;
    return (Object.keys(next) as (keyof RowProps)[]).some((name) => next[name] !== now[name]);
  }

  #place(): Record<string, string> {
    const { index, grid, row, cell, columns } = this.props;
    const down = Math.floor(index / columns) * row;
    const across = grid ? 8 + (index % columns) * cell : 0;
    return { insetBlockStart: `${down}px`, insetInlineStart: `${across}px`, ...(grid ? { width: `${cell}px` } : {}) };
  }

  /** The exact time takes longer to write than the rest of the row: for who points at it. */
  readonly #tellTime = (event: PointerEvent): void => {
    (event.currentTarget as HTMLElement).title = this.props.app.words.moment(this.props.item.modified);
  };

  override render({ app, item, index, count, active, chosen, counting, takesFolders }: RowProps) {
    const { words } = app;
    const size = item.folder ? "" : words.size(item.bytes);
    const day = words.day(item.modified);
    const folder = () => words.t(counting ? "Counting files" : "Folder");
    return (
      <div
        id={`entry-${index}`}
        data-index={index}
        class={`entry${active ? " at" : ""}${item.obstacle ? " barred" : ""}${counting ? " counting" : ""}`}
        role="option"
        aria-selected={chosen}
        aria-disabled={item.obstacle ? true : undefined}
        aria-setsize={count}
        aria-posinset={index + 1}
        title={item.obstacle}
        style={this.#place()}
      >
        <span class={item.folder && !takesFolders ? "tick none" : "tick"} aria-hidden="true">
          <span class="box">{chosen ? <Icon name="check" /> : null}</span>
        </span>
        <Thumb item={item} hidden={app.settings.disableThumbnails === true} />
        <span class="name">
          <bdi>{plainName(item.name)}</bdi>
          {item.obstacle ? <span class="unseen">{item.obstacle}</span> : null}
          <span class="meta">{item.folder ? folder() : [size, day].filter(Boolean).join(" · ")}</span>
        </span>
        <span class="size">{size}</span>
        <span class="day" onPointerEnter={this.#tellTime}>{day}</span>
        <span class="into" aria-hidden="true">{item.folder ? <Icon name="into" /> : null}</span>
      </div>
    );
  }
}

/** Rows of the right height while a folder is on its way. */
export function Skeleton({ label }: { label: string }) {
  return (
    <div class="entries waiting" role="status" aria-label={label}>
      {Array.from({ length: 9 }, (_, index) => (
        <div key={index} class="entry ghost" aria-hidden="true">
          <span class="tick none" /><span class="thumb" /><span class="name"><i /></span><span class="size"><i /></span>
        </div>
      ))}
    </div>
  );
}
