/** The screens on the way to Dropbox, and the words for all the ways in which it can end. */

import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../../views/icons.js";
import { Notice } from "../../views/notice.js";
import { connectionReason } from "../../views/reasons.js";
import type { Dropbox } from "./dropbox.js";

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
  if (code !== undefined) ({ title, text } = connectionReason(code, message ?? "", words));
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
