/** Which page the address shows, and whether somebody is signed in to see it. */

import { useCallback, useEffect, useErrorBoundary, useMemo, useState } from "preact/hooks";
import { began, get, isOver, knock, whenSignedOut, words } from "./api/client.js";
import type { Application, Page as Listed, Session } from "./api/shapes.js";
import { useLoaded } from "./loading.js";
import { Account } from "./pages/account.js";
import { Applications, NewApplication } from "./pages/applications.js";
import { InApplication } from "./pages/application.js";
import { Join } from "./pages/join.js";
import { Missing } from "./pages/missing.js";
import { SignIn } from "./pages/sign_in.js";
import { Frame } from "./parts/frame.js";
import { Trouble } from "./parts/notice.js";
import { HOME, go, usePlace, wayBack, type Place } from "./router.js";
import { KnownContext } from "./session.js";

/** All of them: the list in the frame has no pages. */
async function everyApplication(): Promise<Application[]> {
  const all: Application[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: Listed<Application> = await get(`/applications?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    all.push(...page.items);
    cursor = page.next;
  }
  return all;
}

function toSignIn(): void {
  const here = location.pathname + location.search;
  if (here.startsWith(`${HOME}/sign-in`) || here.startsWith(`${HOME}/join`)) return;
  go(`${HOME}/sign-in?back=${encodeURIComponent(here)}`, true);
}

/** Undefined until it is known. */
function useSession(): [session: Session | null | undefined, set: (session: Session | null) => void, trouble: string, again: () => void] {
  const [session, setSession] = useState<Session | null>();
  const [trouble, setTrouble] = useState("");
  const set = useCallback((next: Session | null) => {
    if (next) began(next);
    setSession(next);
  }, []);
  const look = useCallback(() => {
    setTrouble("");
    knock<Session>("GET", "/session").then(set, (error: unknown) => {
      if (isOver(error)) set(null);
      else setTrouble(words(error));
    });
  }, [set]);
  useEffect(() => {
    whenSignedOut(() => set(null));
    look();
  }, [set, look]);
  return [session, set, trouble, look];
}

export function App() {
  const here = usePlace();
  const [session, setSession, trouble, again] = useSession();
  const page = here.parts[0] ?? "";
  const open = page === "sign-in" || page === "join";
  useEffect(() => {
    if (session === null) toSignIn();
  }, [session, here.path]);
  if (trouble) return <main class="alone"><Trouble text={trouble} again={again} /></main>;
  if (session === undefined || (session === null && !open)) return null;
  if (page === "join") return <Join session={session} onSession={setSession} />;
  if (session === null || page === "sign-in") return <SignIn signedIn={session !== null} onSession={setSession} back={wayBack(here.search.get("back"))} />;
  return <Inside here={here} session={session} setSession={setSession} />;
}

/** For who is signed in. */
function Inside({ here, session, setSession }: { here: Place; session: Session; setSession: (session: Session | null) => void }) {
  const applications = useLoaded(session.account.email, everyApplication);
  const known = useMemo(
    () => ({ session, setSession, applications: applications.value, reloadApplications: applications.again }),
    [session, setSession, applications.value, applications.again],
  );
  return (
    <KnownContext.Provider value={known}>
      <Frame here={here}>
        <Trouble text={applications.trouble} again={() => void applications.again()} />
        <Shown here={here} />
      </Frame>
    </KnownContext.Provider>
  );
}

function Shown({ here }: { here: Place }) {
  const [page, apikey] = here.parts;
  const [fault, forget] = useErrorBoundary() as [unknown, () => void];
  useEffect(forget, [here.path]);
  if (fault) return <Trouble text={words(fault)} again={forget} />;
  if (page === undefined) return <Applications />;
  if (page === "new" && here.parts.length === 1) return <NewApplication />;
  if (page === "account" && here.parts.length === 1) return <Account />;
  if (page === "apps" && apikey) return <InApplication key={apikey} apikey={apikey} here={here} />;
  return <Missing />;
}
