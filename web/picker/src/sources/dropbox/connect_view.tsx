/** The screens on the way to Dropbox, and the words for all the ways in which it can end. */

import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../views/icons.js";
import { Notice } from "../../views/notice.js";
import { isLocal, sentence } from "../../views/reasons.js";
import type { Key } from "../../words/en.js";
import type { Dropbox } from "./dropbox.js";

/** Title and text by the code with which a connection is missing or a try has ended. */
const WHY: Record<string, [Key, Key]> = {
  denied: ["Dropbox stayed closed", "You chose not to allow access. Nothing was connected."],
  reconnect: ["Connect your Dropbox again", "The link to your Dropbox was withdrawn or has ended."],
  "session-expired": ["Connect your Dropbox again", "Your sign-in has expired."],
  "missing-scope": ["Connect your Dropbox again", "A permission is missing that this page needs now."],
  "authorization-expired": ["That took a little long", "The sign-in link has expired. Connect again with a fresh one."],
  "authorization-used": ["That link was used before", "Connect again with a fresh one."],
};

/** Ends that only the page's developer can mend, in English as the documentation is. */
const DEVELOPERS: Record<string, string> = {
  "dropbox-wrong-app": "App key and app secret of the Dropbox app do not belong together.",
  "dropbox-redirect-mismatch": "The redirect URI is not registered with the Dropbox app: the page in the other window shows the one to add.",
  "dropbox-missing-scopes": "The Dropbox app was not given the permissions that picking needs.",
};

/** A connect screen's button has the focus, so that Enter goes on. */
function useFocus() {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus({ preventScroll: true }), []);
  return button;
}

export function ConnectScreen({ dropbox, code, message }: { dropbox: Dropbox; code: string | undefined; message: string | undefined }) {
  const { words, settings } = dropbox.app;
  const provider = { providerName: dropbox.label };
  const button = useFocus();
  const own = settings.customAuthText?.["dropbox"] ?? settings.customAuthText?.["default"];
  let title = words.t("Select Files from {providerName}", provider);
  let text = [words.t("You need to authenticate with {providerName}.", provider), words.t("A new page will open to connect your account.")].join(" ");
  const why = code === undefined ? undefined : WHY[code];
  const developers = code === undefined ? undefined : DEVELOPERS[code];
  if (why) {
    [title, text] = [words.t(why[0]), words.t(why[1])];
  } else if (code !== undefined) {
    title = words.t("Dropbox is not connected");
    text = developers
      ? (isLocal(location.hostname) ? developers : words.t("The people who run this page have to finish setting it up."))
      : sentence(message ?? "");
  }
  return (
    <Notice words={words} mark="dropbox" title={title} text={<>{lines(own?.top)}{text}{lines(own?.bottom)}</>}>
      <button ref={button} type="button" class="primary" onClick={() => dropbox.connect()}>
        <Icon name="dropbox" />
        {words.t("Connect {providerName}", provider)}
      </button>
    </Notice>
  );
}

function lines(text: string | string[] | undefined) {
  const all = text === undefined ? [] : Array.isArray(text) ? text : [text];
  return all.map((line) => <span key={line} class="own">{line}</span>);
}

export function PopupScreen({ dropbox, blocked, closed }: { dropbox: Dropbox; blocked: boolean; closed: boolean }) {
  const { words } = dropbox.app;
  const here = (kind: string) => <button key="here" type="button" class={kind} onClick={() => void dropbox.connectHere()}>{words.t("Continue in this tab")}</button>;
  const open = (kind: string) => <button key="open" type="button" class={kind} onClick={() => dropbox.connect()}>{words.t("Open again")}</button>;
  const cancel = <button key="cancel" type="button" class="quiet" onClick={() => dropbox.giveUp()}>{words.t("Cancel")}</button>;
  if (blocked) {
    return (
      <Notice words={words} mark="window" title={words.t("The browser blocked the window")} text={words.t("Allow windows for this page and open it again, or go on in this tab: it comes back here.")}>
        {here("primary")}{open("plain")}{cancel}
      </Notice>
    );
  }
  return (
    <Notice
      words={words}
      mark="dropbox"
      busy
      title={words.t("Finish signing in in the other window")}
      text={words.t(closed ? "The other window looks closed. If you still have it, go on there: this page notices by itself." : "This page notices by itself when you are done there.")}
    >
      {open(closed ? "primary" : "plain")}{here("plain")}{cancel}
    </Notice>
  );
}
