/** An application's pages: loads it, and says which page is shown. */

import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { get } from "../api/client.js";
import type { Application } from "../api/shapes.js";
import { useLoaded } from "../loading.js";
import { Ghosts, Trouble } from "../parts/notice.js";
import type { Place } from "../router.js";
import { CurrentContext } from "../session.js";
import { Credentials } from "./credentials.js";
import { Deliveries } from "./deliveries.js";
import { Dropbox } from "./dropbox.js";
import { Events } from "./events.js";
import { Files } from "./files.js";
import { Log } from "./log.js";
import { Members } from "./members.js";
import { Missing } from "./missing.js";
import { Overview } from "./overview.js";
import { Security } from "./security.js";
import { Usage } from "./usage.js";
import { Webhooks } from "./webhooks.js";

export function InApplication({ apikey, here }: { apikey: string; here: Place }) {
  const loaded = useLoaded(apikey, () => get<Application>(`/applications/${encodeURIComponent(apikey)}`));
  const { value, set } = loaded;
  const current = useMemo(() => value && { application: value, set }, [value, set]);
  if (!current) return loaded.trouble ? <Trouble text={loaded.trouble} again={() => void loaded.again()} /> : <Ghosts />;
  return (
    <CurrentContext.Provider value={current}>
      <Shown here={here} />
    </CurrentContext.Provider>
  );
}

type Draw = (props: { here: Place }) => ComponentChildren;

/** Each page by its address. */
const PAGES: Record<string, Draw> = {
  "": Overview,
  credentials: Credentials,
  dropbox: Dropbox,
  security: Security,
  webhooks: Webhooks,
  deliveries: Deliveries,
  events: Events,
  files: Files,
  usage: Usage,
  members: Members,
  log: Log,
};
/** Lists, of which one thing opens below its own address. */
const LISTS = ["deliveries", "events", "files"];

function Shown({ here }: { here: Place }) {
  const [, , page = ""] = here.parts;
  const deep = here.parts.length - (LISTS.includes(page) ? 1 : 0);
  const Drawn = deep <= 3 && Object.hasOwn(PAGES, page) ? PAGES[page] : undefined;
  return Drawn ? <Drawn key={page} here={here} /> : <Missing />;
}
