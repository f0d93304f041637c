/**
 * The picker's frame: sources and account at the side, the source's own view in the middle, the
 * selection and what to do with it at the foot.
 */

import { useEffect, useRef } from "preact/hooks";
import type { App } from "../app.js";
import { EditScreen } from "../edit/screen.js";
import { useChanges } from "../emitter.js";
import { plainName } from "../format.js";
import { total } from "../transfers/queue.js";
import { Icon } from "./icons.js";
import { Selected } from "./selected.js";
import { Summary, SummaryFoot } from "./summary.js";

export function Frame({ app, inline }: { app: App; inline: boolean }) {
  useChanges(app, app.selection, app.source);
  const { words } = app;
  return (
    <div class="frame" part="frame" dir={words.rtl ? "rtl" : "ltr"} lang={words.locale} data-screen={app.screen}>
      <Side app={app} />
      <div class="main">
        {inline ? null : (
          <button type="button" class="tool leave" part="close" aria-label={words.t("Close")} title={words.t("Close")} onClick={() => app.wantsToLeave()}>
            <Icon name="close" />
          </button>
        )}
        <div class="body">
          <Body app={app} />
        </div>
        <MessageLine app={app} />
        {app.screen === "edit" ? null : <Foot app={app} />}
      </div>
      {app.hangs ? <div class="hangs" aria-hidden="true"><Icon name="device" /><p>{words.t("Drop your files anywhere")}</p></div> : null}
      {app.asking ? <Asking app={app} /> : null}
      <div class="unseen" role="status" aria-live="polite">{app.said}</div>
    </div>
  );
}

function Body({ app }: { app: App }) {
  const { screen, device, editing } = app;
  if (screen === "source") return <>{app.source.view()}</>;
  if (screen === "edit" && device && editing) return <EditScreen key={editing.key} app={app} device={device} item={editing} />;
  return screen === "summary" ? <Summary app={app} /> : <Selected app={app} />;
}

function Side({ app }: { app: App }) {
  const { words, source } = app;
  const { account } = source;
  return (
    <aside class="side" part="side">
      <nav class="sources" aria-label={words.t("Select From")}>
        {app.sources.map((one) => (
          <button key={one.name} type="button" class="from" aria-current={one === source ? "true" : undefined} onClick={() => app.choose(one)}>
            <Icon name={one.icon} />
            <span>{one.label}</span>
          </button>
        ))}
      </nav>
      {account && source.signOut ? (
        <div class="account">
          <p title={account.name}><bdi>{plainName(account.email).split("@").map((part, index) => (index === 0 ? part : [<wbr key={index} />, `@${part}`]))}</bdi></p>
          <button type="button" class="quiet" onClick={() => void source.signOut?.()}>{words.t("Sign Out")}</button>
        </div>
      ) : null}
    </aside>
  );
}

function MessageLine({ app }: { app: App }) {
  const { message, words } = app;
  if (!message) return null;
  return (
    <div class={message.bad ? "message bad" : "message"} role="alert">
      {message.bad ? <Icon name="warning" /> : null}
      <p>{message.text}</p>
      <button type="button" class="tool" aria-label={words.t("Close this message")} onClick={() => app.hush()}><Icon name="close" /></button>
    </div>
  );
}

function Foot({ app }: { app: App }) {
  const { words, selection, queue } = app;
  if (app.screen === "summary") return <SummaryFoot app={app} />;
  const sum = total(queue.transfers);
  const some = selection.count > 0;
  if (!some && sum.files === 0 && !app.source.browsing) return null;
  const missing = app.missing;
  const upload = selection.count > 1 ? `${words.t("Upload")} ${words.number(selection.count)}` : words.t("Upload");
  return (
    <footer class="foot" part="foot">
      {some ? (
        <button type="button" class="count" title={words.t("View/Edit Selected")} aria-pressed={app.screen === "selected"} onClick={() => app.go(app.screen === "selected" ? "source" : "selected")}>
          <span class="sum">{words.t("{count} selected", { count: words.number(selection.count) })}<i> · <bdi>{words.size(selection.bytes)}</bdi></i></span>
          <span class="unseen">{words.t("View/Edit Selected")}</span>
          <Icon name="down" />
        </button>
      ) : <p class="hint">{hint(app)}</p>}
      {sum.files > 0 ? (
        <button type="button" class="quiet running" onClick={() => app.go("summary")}>
          {queue.settled ? words.t("Uploaded") : words.t("Uploading")} {words.number(sum.done)}/{words.number(sum.files)}
        </button>
      ) : null}
      <span class="grow" />
      {some ? <button type="button" class="quiet wide" onClick={() => selection.clear()}>{words.t("Deselect All")}</button> : null}
      {some && missing > 0 ? <p class="hint">{words.n(missing, "{count} more file is needed", "{count} more files are needed")}</p> : null}
      <button type="button" class="primary" part="upload" disabled={!some || missing > 0} onClick={() => app.upload()}>{upload}</button>
    </footer>
  );
}

function hint(app: App): string {
  const { maxFiles, minFiles } = app.settings;
  const { words } = app;
  if (minFiles > 1) return words.t("Choose {from} to {to} files", { from: words.number(minFiles), to: words.number(maxFiles) });
  if (maxFiles === 1) return words.t("Choose a file");
  return maxFiles < 1000 ? words.t("Choose up to {to} files", { to: words.number(maxFiles) }) : words.t("Choose files");
}

/** Asks before uploads are given up. */
function Asking({ app }: { app: App }) {
  const { words, queue } = app;
  const stay = useRef<HTMLButtonElement>(null);
  useEffect(() => stay.current?.focus(), []);
  const sum = total(queue.transfers);
  const keys = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    app.stay();
  };
  return (
    <div class="veil" onKeyDown={keys}>
      <div class="ask" role="alertdialog" aria-modal="true" aria-labelledby="ask-title" aria-describedby="ask-text">
        <h2 id="ask-title">{words.t("Stop uploading?")}</h2>
        <p id="ask-text">{words.t("{done} of {files} stored", { done: words.number(sum.done), files: words.n(sum.files, "{count} file", "{count} files") })}. {words.t("What is stored stays stored.")}</p>
        <div class="actions">
          <button type="button" class="plain" onClick={() => app.giveUp()}>{words.t("Stop")}</button>
          <button ref={stay} type="button" class="primary" onClick={() => app.stay()}>{words.t("Keep uploading")}</button>
        </div>
      </div>
    </div>
  );
}
