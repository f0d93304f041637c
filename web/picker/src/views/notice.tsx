/** A screen with one thing to say: a mark, a title, a sentence, and what helps. */

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icons.js";
import type { Words } from "../words/words.js";

export interface NoticeProps {
  mark: IconName;
  title: string;
  text?: ComponentChildren;
  bad?: boolean;
  /** Something is under way that this waits for. */
  busy?: boolean;
  children?: ComponentChildren;
  /** For whoever is asked for help: a code and an id. */
  details?: string | undefined;
  words: Words;
}

export function Notice({ mark, title, text, bad = false, busy = false, children, details, words }: NoticeProps) {
  return (
    <div class={`notice${bad ? " bad" : ""}${busy ? " busy" : ""}`}>
      <div class="mark"><Icon name={mark} /></div>
      <h2>{title}</h2>
      {text ? <p>{text}</p> : null}
      {children ? <div class="actions">{children}</div> : null}
      {details ? (
        <details>
          <summary>{words.t("Details")}</summary>
          <code>{details}</code>
        </details>
      ) : null}
    </div>
  );
}

/** A part of the picker did not come: the way there can be tried again. */
export function NotLoaded({ words, again }: { words: Words; again: () => void }) {
  return (
    <div class="source">
      <Notice words={words} mark="offline" bad title={words.t("The server cannot be reached")}>
        <button type="button" class="primary" onClick={again}>{words.t("Try again")}</button>
      </Notice>
    </div>
  );
}
