/** A page: its heading, which takes the focus when one comes, and the call behind it as curl. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { API } from "../api/client.js";
import { Code } from "./copy.js";

/** A call as a script makes it. */
export interface Call {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  path: string;
  body?: unknown;
  /** Not below `/api/v1`, without a token. */
  bare?: boolean;
}

/** Quoted for a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A call as a line for a shell; the token stands in a variable. */
export function curl({ method = "GET", path, body }: Call): string {
  const parts = [method === "GET" ? "curl" : `curl -X ${method}`, quoted(location.origin + API + path), `-H "Authorization: Bearer $LONGSHORE_TOKEN"`];
  if (body !== undefined) parts.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  return parts.join(" \\\n  ");
}

/** The calls behind a page. */
function ApiFold({ calls }: { calls: Call[] }) {
  return (
    <details class="api">
      <summary>API</summary>
      <p>Everything on this page is a call of the management API. A token is made under Credentials; <code>LONGSHORE_TOKEN</code> holds it here. All routes: <a href="/openapi.json" target="_blank" rel="noopener">openapi.json</a>.</p>
      {calls.map((call, index) => <Code key={index} text={curl(call)} name={`${call.method ?? "GET"} ${call.path} as curl`} />)}
    </details>
  );
}

/** `wide` pages hold tables and take the whole width. */
export function Page({ title, intro, actions, calls, children, wide = false }: {
  title: string;
  intro?: ComponentChildren;
  actions?: ComponentChildren;
  calls?: Call[];
  children: ComponentChildren;
  wide?: boolean;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Longshore`;
  }, [title]);
  useEffect(() => {
    // A field that asked for the focus keeps it.
    if (!document.activeElement || document.activeElement === document.body || document.activeElement.closest("nav")) {
      heading.current?.focus({ preventScroll: true });
    }
    scrollTo(0, 0);
  }, []);
  return (
    <div class={wide ? "page wide" : "page"}>
      <header class="head">
        <h1 ref={heading} tabIndex={-1}>{title}</h1>
        {actions && <div class="actions">{actions}</div>}
        {intro && <p class="intro">{intro}</p>}
      </header>
      {children}
      {calls && <ApiFold calls={calls} />}
    </div>
  );
}

/** A part of a page with a heading of its own. */
export function Part({ title, intro, children, actions }: { title: string; intro?: ComponentChildren; children?: ComponentChildren; actions?: ComponentChildren }) {
  return (
    <section class="part">
      <header>
        <h2>{title}</h2>
        {actions && <div class="actions">{actions}</div>}
        {intro && <p class="intro">{intro}</p>}
      </header>
      {children}
    </section>
  );
}
