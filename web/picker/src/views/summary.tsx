/** Files on their way: a row for each, with what is true of it, and what it all comes to. */

import { useEffect, useRef } from "preact/hooks";
import { isUnconnected, type App } from "../app.js";
import { useChanges } from "../emitter.js";
import { plainName } from "../format.js";
import { total, type Transfer } from "../transfers/queue.js";
import type { Words } from "../words/words.js";
import { useSeconds } from "./countdown.js";
import { Icon } from "./icons.js";
import { fileReason } from "./reasons.js";
import { Thumb } from "./thumb.js";

/** A speed is told once a transfer has run for longer: before, it says little. */
const SPEED_AFTER_MS = 5000;
/** Rows that are drawn at once: those that run, wait or failed come first where there are more. */
const MOST_ROWS = 400;

export function Summary({ app }: { app: App }) {
  useChanges(app.queue);
  const { words, queue } = app;
  const shown = queue.transfers.filter((transfer) => transfer.state.kind !== "cancelled");
  const rows = shown.length <= MOST_ROWS ? shown : [...shown].sort((a, b) => rank(a) - rank(b)).slice(0, MOST_ROWS);
  return (
    <div class="source">
      <Head app={app} />
      <ul class="rows" aria-label={words.t("Files")}>
        {rows.map((transfer) => <Row key={transfer.id} app={app} transfer={transfer} />)}
        {shown.length > rows.length ? <li class="end">{words.n(shown.length - rows.length, "{count} more file", "{count} more files")}</li> : null}
      </ul>
    </div>
  );
}

function rank(transfer: Transfer): number {
  return { running: 0, waiting: 0, failed: 1, paused: 2, queued: 3, ready: 3, done: 4, cancelled: 5 }[transfer.state.kind];
}

function Head({ app }: { app: App }) {
  const { words, queue } = app;
  const heading = useRef<HTMLHeadingElement>(null);
  // The button that led here is gone.
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const sum = total(queue.transfers);
  const settled = queue.settled;
  const files = words.n(sum.files, "{count} file", "{count} files");
  const title = settled ? words.t(sum.failed > 0 ? "Not everything was stored" : "Completed") : words.t("Uploading");
  const old = queue.transfers.some((transfer) => transfer.active && Date.now() - (transfer.begun ?? Infinity) > SPEED_AFTER_MS);
  const parts = [words.t("{done} of {files} stored", { done: words.number(sum.done), files })];
  if (sum.failed > 0) parts.push(words.t("{count} failed", { count: words.number(sum.failed) }));
  parts.push(!settled && sum.known ? words.t("{arrived} of {size}", { arrived: words.size(sum.arrived), size: words.size(sum.bytes) }) : words.size(settled ? sum.arrived : sum.bytes));
  if (!settled && old && sum.speed > 0) parts.push(words.t("{size} per second", { size: words.size(sum.speed) }));
  // Where nobody knows the bytes, whole files are counted: that much is true.
  const [value, max] = sum.known && sum.bytes > 0 ? [sum.arrived, sum.bytes] : [sum.done, sum.files];
  return (
    <div class="total">
      <h2 ref={heading} tabIndex={-1}>{title}</h2>
      <p>{parts.join(" · ")}</p>
      <progress class={settled && sum.failed === 0 ? "line good" : "line"} max={Math.max(1, max)} value={value} aria-label={words.t("All files")} />
    </div>
  );
}

function Row({ app, transfer }: { app: App; transfer: Transfer }) {
  const { words, queue } = app;
  const { item, state } = transfer;
  const name = plainName(item.name);
  const act = (label: string, icon: "close" | "pause" | "play", run: () => void) => (
    <button type="button" class="tool" aria-label={`${label}: ${name}`} title={label} onClick={run}><Icon name={icon} /></button>
  );
  return (
    <li class="row transfer" data-state={state.kind}>
      <Thumb item={item} hidden={app.settings.disableThumbnails === true} />
      <span class="name">
        <bdi>{name}</bdi>
        <Word transfer={transfer} words={words} />
        <Line transfer={transfer} words={words} />
      </span>
      <span class="does">
        {state.kind === "failed" && !isUnconnected(transfer) ? <button type="button" class="plain small" onClick={() => queue.retry(transfer)}>{words.t("Try again")}</button> : null}
        {transfer.carrier.pausable && transfer.active ? act(words.t("Pause"), "pause", () => queue.pause(transfer)) : null}
        {state.kind === "paused" ? act(words.t("Resume"), "play", () => queue.resume(transfer)) : null}
        {state.kind === "done" ? <span class="sign good"><Icon name="check" /></span> : act(state.kind === "failed" ? words.t("Remove") : words.t("Cancel"), "close", () => queue.cancel(transfer))}
      </span>
    </li>
  );
}

function Word({ transfer, words }: { transfer: Transfer; words: Words }) {
  const { item, state } = transfer;
  const seconds = useSeconds(state.kind === "waiting" ? state.until : undefined);
  return <span class="meta">{text()}</span>;

  function text(): string {
    switch (state.kind) {
      case "queued":
      case "ready":
        return `${words.t("Waiting")} · ${words.size(item.bytes)}`;
      case "running":
        return running(transfer, words);
      case "waiting":
        if (state.why === "asked-to-wait") return words.t("Asked to wait {seconds} s", { seconds: words.number(Math.max(1, seconds)) });
        return words.t(state.why === "offline" ? "Offline. This goes on by itself." : "The server does not answer. This goes on by itself.");
      case "paused":
        return words.t("Paused");
      case "failed":
        return fileReason(state.why, words);
      case "done":
        return `${words.t("Stored")} · ${words.size(state.file.size)}`;
      case "cancelled":
        return words.t("Cancelled");
    }
  }
}

function running(transfer: Transfer, words: Words): string {
  const { item, arrived } = transfer;
  if (arrived === undefined) return `${words.t(item.file ? "Uploading" : "Copying")} · ${words.size(item.bytes)}`;
  const parts = [words.t("{arrived} of {size}", { arrived: words.size(arrived), size: words.size(item.bytes) })];
  const { speed } = transfer;
  if (speed && Date.now() - (transfer.begun ?? Infinity) > SPEED_AFTER_MS) parts.push(words.t("{size} per second", { size: words.size(speed) }));
  return parts.join(" · ");
}

/** A bar that moves only when bytes moved; one of its own where nobody knows. */
function Line({ transfer, words }: { transfer: Transfer; words: Words }) {
  const { item, state, arrived } = transfer;
  if (state.kind !== "running" && state.kind !== "waiting" && state.kind !== "paused") return null;
  const label = words.t("Progress of {displayName}", { displayName: plainName(item.name) });
  if (state.kind === "running" && (arrived === undefined || item.bytes === 0)) return <progress class="line unknown" aria-label={label} />;
  return <progress class="line" max={item.bytes || 1} value={arrived ?? 0} aria-label={label} />;
}

/** What can be done while files are on their way, and when they have arrived. */
export function SummaryFoot({ app }: { app: App }) {
  const { words, queue } = app;
  const done = useRef<HTMLButtonElement>(null);
  const settled = queue.settled;
  useEffect(() => {
    if (settled) done.current?.focus({ preventScroll: true });
  }, [settled]);
  const failed = queue.of("failed");
  const unconnected = app.unconnected.length > 0;
  return (
    <footer class="foot" part="foot">
      {app.room > 0 && !unconnected ? <button type="button" class="quiet" onClick={() => app.go("source")}>{words.t("Upload more")}</button> : null}
      <span class="grow" />
      {unconnected ? <button type="button" class="primary" onClick={() => app.reconnect()}>{words.t("Connect {providerName}", { providerName: "Dropbox" })}</button> : null}
      {settled && failed.length > 1 && !unconnected ? (
        <button type="button" class="plain" onClick={() => failed.forEach((transfer) => queue.retry(transfer))}>{words.t("Try all again")}</button>
      ) : null}
      {settled
        ? <button ref={done} type="button" class={unconnected ? "plain" : "primary"} onClick={() => app.finish()}>{words.t("Done")}</button>
        : <button type="button" class="plain" onClick={() => app.wantsToLeave()}>{words.t("Cancel")}</button>}
    </footer>
  );
}
