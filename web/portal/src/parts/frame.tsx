/** The frame of all pages: the applications and their pages at the side, on a phone in a menu. */

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ask } from "../api/client.js";
import { plainName } from "../format.js";
import { useDoing } from "../loading.js";
import { HOME, at, go, type Place } from "../router.js";
import { useKnown } from "../session.js";
import { KeysHelp } from "./keys.js";
import { Search } from "./search.js";

/** An application's pages, in the order in which one needs them. */
const PAGES: [path: string, name: string][] = [
  ["", "Overview"],
  ["credentials", "Credentials"],
  ["dropbox", "Dropbox"],
  ["security", "Security"],
  ["webhooks", "Webhooks"],
  ["deliveries", "Deliveries"],
  ["events", "Events"],
  ["files", "Files"],
  ["usage", "Usage"],
  ["members", "Members"],
  ["log", "Changes"],
];

export function Frame({ here, children }: { here: Place; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const known = useKnown().applications !== undefined;
  const apikey = here.parts[0] === "apps" ? here.parts[1] : undefined;
  useEffect(() => {
    setOpen(false);
    document.querySelector("#side .pages [aria-current]")?.scrollIntoView({ block: "nearest" });
  }, [here.path, known]);
  return (
    <div class="portal">
      <a class="skip" href="#content">To the content</a>
      <div class="top">
        <a class="brand" href={HOME}>Longshore</a>
        <button type="button" class="plain small menu" aria-expanded={open} aria-controls="side" onClick={() => setOpen(!open)}>
          {open ? "Close" : "Menu"}
        </button>
      </div>
      <nav id="side" class={open ? "side open" : "side"} aria-label="Portal">
        <a class="brand" href={HOME}>Longshore</a>
        {apikey && <Search apikey={apikey} />}
        <Applications here={here} apikey={apikey} />
        <Person here={here} />
      </nav>
      <main id="content" tabIndex={-1}>{children}</main>
      <KeysHelp />
    </div>
  );
}

function Applications({ here, apikey }: { here: Place; apikey: string | undefined }) {
  const { applications, session } = useKnown();
  return (
    <div class="applications">
      <p class="label"><a href={HOME} aria-current={here.path === HOME ? "page" : undefined}>Applications</a></p>
      <ul>
        {applications?.map((one) => (
          <li key={one.apikey}>
            <a href={at(one.apikey)} class={one.apikey === apikey ? "app on" : "app"}>
              <bdi>{plainName(one.name)}</bdi>
            </a>
            {one.apikey === apikey && <Pages here={here} apikey={apikey} />}
          </li>
        ))}
      </ul>
      {session.account.operator && <a class="app new" href={`${HOME}/new`}>New application</a>}
    </div>
  );
}

function Pages({ here, apikey }: { here: Place; apikey: string }) {
  const shown = here.parts[2] ?? "";
  return (
    <ul class="pages">
      {PAGES.map(([path, name]) => (
        <li key={path}>
          <a href={path ? at(apikey, path) : at(apikey)} aria-current={path === shown ? "page" : undefined}>{name}</a>
        </li>
      ))}
    </ul>
  );
}

function Person({ here }: { here: Place }) {
  const { session, setSession } = useKnown();
  const doing = useDoing();
  const leave = () =>
    doing.run(async () => {
      await ask("DELETE", "/session");
      setSession(null);
      go(`${HOME}/sign-in`, true);
    });
  return (
    <div class="person">
      <a href={`${HOME}/account`} aria-current={here.parts[0] === "account" ? "page" : undefined} title="Your account">
        <bdi>{plainName(session.account.name) || session.account.email}</bdi>
      </a>
      <button type="button" class="quiet small" disabled={doing.busy} onClick={() => void leave()}>Sign out</button>
      {doing.trouble && <p class="bad">{doing.trouble}</p>}
      <button type="button" class="tool" title="Keys" aria-label="Keys" onClick={() => dispatchEvent(new Event("longshore-keys"))}>
        <kbd>?</kbd>
      </button>
    </div>
  );
}
