/** Who is signed in, and which applications they reach: known to all pages. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Application, Role, Session } from "./api/shapes.js";

export interface Known {
  session: Session;
  setSession: (session: Session | null) => void;
  /** Undefined until they are loaded. */
  applications: Application[] | undefined;
  reloadApplications: () => Promise<void>;
}

export const KnownContext = createContext<Known | null>(null);

export function useKnown(): Known {
  const known = useContext(KnownContext);
  if (!known) throw new Error("nobody is signed in");
  return known;
}

/** The application whose pages are shown. */
export interface Current {
  application: Application;
  set: (application: Application) => void;
}

export const CurrentContext = createContext<Current | null>(null);

export function useApplication(): Current {
  const current = useContext(CurrentContext);
  if (!current) throw new Error("no application is shown");
  return current;
}

const RANK: Record<Role, number> = { viewer: 0, developer: 1, owner: 2 };

/** Why somebody may not do what needs a role; empty where they may. */
export function reason(has: Role, needs: Role): string {
  return RANK[has] >= RANK[needs] ? "" : `This needs the role ${needs}. Your role is ${has}.`;
}
