/** Everything that is chosen, over all folders, to be looked at and let go. */

import { useEffect, useRef } from "preact/hooks";
import type { App } from "../app.js";
import { plainName } from "../format.js";
import type { Choice } from "../selection.js";
import { Icon } from "./icons.js";
import { Notice } from "./notice.js";
import { Thumb } from "./thumb.js";

/** Rows that are drawn; who chose more sees how many more there are. */
const MOST_ROWS = 500;

export function Selected({ app }: { app: App }) {
  const { words, selection } = app;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const choices = selection.choices;
  return (
    <div class="source">
      <div class="bar">
        <button type="button" class="tool" aria-label={words.t("Go back")} title={words.t("Go back")} onClick={() => app.go("source")}><Icon name="back" /></button>
        <h2 ref={heading} tabIndex={-1}>{words.t("Selected Files")}</h2>
      </div>
      {choices.length === 0 ? (
        <Notice words={words} mark="check" title={words.t("Nothing is selected")}>
          <button type="button" class="primary" onClick={() => app.go("source")}>{words.t("Go back")}</button>
        </Notice>
      ) : (
        <ul class="rows" aria-label={words.t("Selected Files")}>
          {choices.slice(0, MOST_ROWS).map((choice) => <Row key={choice.item.key} app={app} choice={choice} />)}
          {choices.length > MOST_ROWS ? <li class="end">{words.n(choices.length - MOST_ROWS, "{count} more file", "{count} more files")}</li> : null}
        </ul>
      )}
    </div>
  );
}

function Row({ app, choice }: { app: App; choice: Choice }) {
  const { words } = app;
  const { item } = choice;
  const name = plainName(item.name);
  /** The focus goes on to the next one's button. */
  const remove = (event: MouseEvent) => {
    const row = (event.currentTarget as HTMLElement).closest("li");
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    next?.querySelector<HTMLElement>("button:last-of-type")?.focus({ preventScroll: true });
    app.selection.remove(item.key);
  };
  const where = item.path.replace(/^https?:/, "").split("/").filter(Boolean).slice(0, -1).join(" › ");
  return (
    <li class="row">
      <Thumb item={item} hidden={app.settings.disableThumbnails === true} />
      <span class="name">
        <bdi>{name}</bdi>
        <span class="meta">
          {item.folder ? words.n(choice.files.length, "{count} file", "{count} files") : null}
          {item.folder && where ? " · " : null}
          <bdi>{plainName(where)}</bdi>
        </span>
      </span>
      <span class="size">{words.size(item.bytes)}</span>
      {app.device?.edits(item) ? (
        <button type="button" class="tool" aria-label={words.t("Edit {displayName}", { displayName: name })} title={words.t("Crop…")} onClick={() => app.edit(item)}>
          <Icon name="crop" />
        </button>
      ) : <span />}
      <button type="button" class="tool" aria-label={words.t("Remove {displayName}", { displayName: name })} title={words.t("Remove")} onClick={remove}>
        <Icon name="close" />
      </button>
    </li>
  );
}
