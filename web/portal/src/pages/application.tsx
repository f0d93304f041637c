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
import { Dropbox } from "./dropbox.js";
import { Missing } from "./missing.js";
import { Overview } from "./overview.js";
import { Security } from "./security.js";

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

/** Pages that have no address below their own. */
const PAGES: Record<string, () => ComponentChildren> = {
  "": Overview,
  credentials: Credentials,
  dropbox: Dropbox,
  security: Security,
};

function Shown({ here }: { here: Place }) {
  const [, , page = "", below] = here.parts;
  const Plain = below === undefined && Object.hasOwn(PAGES, page) ? PAGES[page] : undefined;
  return Plain ? <Plain key={page} /> : <Missing />;
}
