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
