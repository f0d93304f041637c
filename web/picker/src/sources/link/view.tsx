/** A field for an address, and what came of looking there. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useChanges } from "../../emitter.js";
import { adopt } from "../../styles/adopt.js";
import styles from "../../styles/link.css?inline";
import { because } from "../../views/reasons.js";
import type { Link } from "./link.js";

export function linkView(link: Link) {
  return <LinkView link={link} />;
}

function LinkView({ link }: { link: Link }) {
  useChanges(link);
  const { words } = link.app;
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => adopt(styles, field.current), []);
  useEffect(() => field.current?.focus({ preventScroll: true }), []);
  const reason = link.why ? because(link.why, words) : undefined;
  const look = (event: Event) => {
    event.preventDefault();
    if (!link.looking) void link.look();
  };
  return (
    <div class="source">
      <div class="screen">
        <form class="address" onSubmit={look} noValidate>
          <label for="longshore-link">{words.t("Enter a URL")}</label>
          <div class="line-of">
            <input
              ref={field}
              id="longshore-link"
              type="url"
              inputMode="url"
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              placeholder="https://"
              dir="ltr"
              value={link.text}
              aria-invalid={reason ? "true" : undefined}
              aria-describedby={reason ? "longshore-link-why" : undefined}
              onInput={(event) => link.type(event.currentTarget.value)}
            />
            <button type="submit" class="primary" disabled={link.text.trim() === "" || link.looking} aria-busy={link.looking}>{words.t("Add")}</button>
          </div>
          {reason ? <p id="longshore-link-why" class="bad" role="alert"><strong>{reason.title}</strong> {reason.text}</p> : <p>{link.looking ? words.t("Looking there") : words.t("The server fetches the file; this page does not.")}</p>}
        </form>
      </div>
    </div>
  );
}
