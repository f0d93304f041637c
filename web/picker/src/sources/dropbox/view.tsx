/** Draws a visit to Dropbox: connecting, a folder, a search, and whatever keeps it from showing. */

import { useEffect, useRef, useState } from "preact/hooks";
import { useChanges } from "../../emitter.js";
import { plainName } from "../../format.js";
import { UNREACHABLE } from "../../server/server.js";
import { useSeconds } from "../../views/countdown.js";
import { Icon } from "../../views/icons.js";
import { List, Skeleton } from "../../views/list.js";
import { Notice } from "../../views/notice.js";
import { because } from "../../views/reasons.js";
import { ConnectScreen, PopupScreen } from "./connect_view.js";
import type { Dropbox, Visit } from "./dropbox.js";
import type { Folder } from "./folder.js";
import type { Sort } from "./order.js";

export function dropboxView(dropbox: Dropbox) {
  return <DropboxView dropbox={dropbox} />;
}

function DropboxView({ dropbox }: { dropbox: Dropbox }) {
  useChanges(dropbox);
  const { visit } = dropbox;
  const browsing = visit.kind === "folder" || visit.kind === "loading" || visit.kind === "trouble";
  const search = useRef<HTMLInputElement>(null);
  return (
    <div class="source">
      {browsing ? <Bar dropbox={dropbox} search={search} /> : null}
      <div class="screen" aria-busy={visit.kind === "loading" || dropbox.searching}>
        <Screen dropbox={dropbox} visit={visit} onSearch={() => search.current?.focus()} />
      </div>
    </div>
  );
}

function Screen({ dropbox, visit, onSearch }: { dropbox: Dropbox; visit: Visit; onSearch: () => void }) {
  const { words } = dropbox.app;
  switch (visit.kind) {
    case "loading":
      return <Skeleton label={words.t("Loading")} />;
    case "connect":
      return <ConnectScreen dropbox={dropbox} code={visit.code} message={visit.message} />;
    case "popup":
      return <PopupScreen dropbox={dropbox} blocked={visit.blocked} closed={visit.closed} />;
    case "leaving":
      return <Notice words={words} mark="dropbox" busy title={words.t("Signing out")} />;
    case "trouble":
      return <Trouble dropbox={dropbox} visit={visit} />;
    case "folder":
      return <Entries key={`${dropbox.path}\n${dropbox.search !== ""}`} dropbox={dropbox} folder={visit.folder} onSearch={onSearch} />;
  }
}

/** Where one is, what is searched for, how it is shown. */
function Bar({ dropbox, search }: { dropbox: Dropbox; search: { current: HTMLInputElement | null } }) {
  const { words } = dropbox.app;
  const names = dropbox.path.split("/").filter(Boolean);
  const [open, setOpen] = useState(dropbox.search !== "");
  const crumbs = useRef<HTMLOListElement>(null);
  useEffect(() => crumbs.current?.parentElement?.scrollTo({ left: words.rtl ? -1e5 : 1e5 }), [dropbox.path]);
  useEffect(() => {
    if (dropbox.search === "" && search.current) search.current.value = "";
  }, [dropbox.path, dropbox.search]);
  const steps = [{ name: dropbox.label, path: "/" }, ...names.map((name, index) => ({ name, path: `/${names.slice(0, index + 1).join("/")}/` }))];
  const keys = (event: KeyboardEvent) => {
    const field = event.currentTarget as HTMLInputElement;
    const list = field.closest(".source")?.querySelector<HTMLElement>("[role=listbox]");
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      list?.focus();
    } else if (event.key === "Escape" && (field.value || open)) {
      // Empties the field and leaves the picker open.
      event.preventDefault();
      event.stopPropagation();
      field.value = "";
      dropbox.find("");
      setOpen(false);
      list?.focus();
    }
  };
  return (
    <div class={open ? "bar open" : "bar"}>
      <button type="button" class="tool up" disabled={names.length === 0 && dropbox.search === ""} aria-label={words.t("Folder above")} title={words.t("Folder above")} onClick={() => dropbox.up()}>
        <Icon name="back" />
      </button>
      <nav class="path" aria-label={words.t("Folders")}>
        <ol ref={crumbs}>
          {steps.map((step, index) => (
            <li key={step.path}>
              <button type="button" class="crumb" aria-current={index === steps.length - 1 ? "page" : undefined} onClick={() => dropbox.enter(step.path)}>
                <bdi>{plainName(step.name)}</bdi>
              </button>
              {index < steps.length - 1 ? <Icon name="into" /> : null}
            </li>
          ))}
        </ol>
      </nav>
      <div class="search" role="search">
        <Icon name="search" />
        <input
          ref={search}
          type="search"
          placeholder={words.t("Search")}
          aria-label={words.t("Search in {providerName}", { providerName: dropbox.label })}
          autocomplete="off"
          spellcheck={false}
          enterkeyhint="search"
          defaultValue={dropbox.search}
          onInput={(event) => dropbox.find(event.currentTarget.value)}
          onKeyDown={keys}
        />
      </div>
      <button type="button" class="tool finds" aria-label={words.t("Search")} aria-expanded={open} onClick={() => {
        setOpen(!open);
        if (!open) requestAnimationFrame(() => search.current?.focus());
        else dropbox.find("");
      }}>
        <Icon name={open ? "close" : "search"} />
      </button>
      <button type="button" class="tool" aria-label={words.t(dropbox.grid ? "Show as list" : "Show as grid")} title={words.t(dropbox.grid ? "Show as list" : "Show as grid")} onClick={() => dropbox.show(!dropbox.grid)}>
        <Icon name={dropbox.grid ? "list" : "grid"} />
      </button>
    </div>
  );
}

function Entries({ dropbox, folder, onSearch }: { dropbox: Dropbox; folder: Folder; onSearch: () => void }) {
  useChanges(folder, dropbox.app.selection, dropbox.app);
  const { app, search } = dropbox;
  const { words, selection } = app;
  const many = app.settings.maxFiles > 1;
  if (folder.entries.length === 0 && !folder.loading && !folder.trouble) {
    return search ? (
      <Notice words={words} mark="search" title={words.t('No search results found for "{search}"', { search })} text={words.t(dropbox.path === "/" ? "No name in your Dropbox has this in it." : "No name in this folder has this in it.")} />
    ) : (
      <Notice words={words} mark="empty" title={words.t("This folder is empty.")} text={words.t("There is nothing in it to choose.")}>
        {dropbox.path === "/" ? null : <button type="button" class="plain" onClick={() => dropbox.up()}>{words.t("Go back")}</button>}
      </Notice>
    );
  }
  const takable = folder.entries.filter((item) => !item.folder && !item.obstacle);
  const chosen = takable.filter((item) => selection.has(item.key)).length;
  const all = takable.length > 0 && chosen === takable.length;
  const headings: [Sort, string][] = [["name", words.t("Name")], ["size", words.t("Size")], ["modified", words.t("Changed")]];
  return (
    <>
      <div class="heads">
        {many ? (
          <button
            type="button"
            class="all"
            role="checkbox"
            aria-checked={all ? "true" : chosen > 0 ? "mixed" : "false"}
            aria-label={words.t("Select all files")}
            title={words.t("Select all files")}
            disabled={takable.length === 0}
            onClick={() => (all ? selection.remove(...takable.map((item) => item.key)) : void app.takeAll(folder.entries))}
          >
            <span class="box">{all ? <Icon name="check" /> : chosen > 0 ? <Icon name="minus" /> : null}</span>
          </button>
        ) : <span class="all none" />}
        {search ? (
          <p class="found">{folder.loading ? words.t("Best matches first; more are loading") : words.n(folder.entries.length, "{count} result", "{count} results")}</p>
        ) : headings.map(([sort, name]) => (
          <button
            key={sort}
            type="button"
            class={`head by-${sort}`}
            aria-pressed={dropbox.sort === sort}
            aria-label={words.t("Sort by {name}", { name })}
            onClick={() => dropbox.sortBy(sort)}
          >
            {name}
            <span class={`turn${dropbox.sort === sort ? " on" : ""}${dropbox.reverse ? " reverse" : ""}`}><Icon name="down" /></span>
          </button>
        ))}
      </div>
      <List
        app={app}
        entries={folder.entries}
        grid={dropbox.grid}
        label={words.t("Files and folders")}
        takesFolders={dropbox.takesFolders && many}
        onOpen={(item) => dropbox.enter(item.path)}
        onUp={() => dropbox.up()}
        onSearch={onSearch}
        end={<End dropbox={dropbox} folder={folder} />}
      />
    </>
  );
}

/** What is below the last entry: whether more comes, or why not. */
function End({ dropbox, folder }: { dropbox: Dropbox; folder: Folder }) {
  const { words } = dropbox.app;
  const count = words.number(folder.entries.length);
  if (folder.loading) return <p class="end">{words.t("{count} so far, more are loading", { count })}</p>;
  if (folder.trouble) {
    return (
      <p class="end bad">
        {words.t("{count} so far. {reason}", { count, reason: because(folder.trouble, words).text })}{" "}
        <button type="button" class="link" onClick={() => folder.again()}>{words.t("Try again")}</button>
      </p>
    );
  }
  if (folder.cut) return <p class="end">{words.t("More than {count}. Search to find the others.", { count })}</p>;
  return null;
}

function Trouble({ dropbox, visit }: { dropbox: Dropbox; visit: Extract<Visit, { kind: "trouble" }> }) {
  const { words } = dropbox.app;
  const { supportEmail } = dropbox.app.settings;
  const seconds = useSeconds(visit.until);
  const { why } = visit;
  const details = [why.code, why.request].filter(Boolean).join(" · ");
  const again = <button type="button" class="primary" onClick={() => dropbox.again()}>{words.t("Try again")}</button>;
  if (visit.until !== undefined) {
    const title = words.t(why.code === "dropbox-rate-limited" ? "Dropbox asks us to wait {seconds} s" : "The server asks us to wait {seconds} s", { seconds: words.number(Math.max(1, seconds)) });
    return <Notice words={words} mark="clock" title={title} text={words.t("This goes on by itself.")} details={details} />;
  }
  if (why.code === UNREACHABLE && !navigator.onLine) {
    return <Notice words={words} mark="offline" title={words.t("Connection Lost")} text={words.t("You are offline. This goes on by itself when the connection is back.")}>{again}</Notice>;
  }
  const { title, text } = because(why, words);
  return (
    <Notice words={words} mark={why.code === "dropbox-no-permission" ? "lock" : "warning"} bad title={title} text={text} details={details}>
      {why.code === "path-not-found" || why.code === "dropbox-no-permission"
        ? <button type="button" class="primary" onClick={() => dropbox.enter("/")}>{words.t("Go back")}</button>
        : again}
      {supportEmail ? <a class="plain" href={`mailto:${supportEmail}`}>{words.t("Ask for help")}</a> : null}
    </Notice>
  );
}
