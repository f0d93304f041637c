/** One delivery, beside the list: its request, its attempts with their answers, sent once more. */

import { ask, get } from "../api/client.js";
import type { Attempt, DeliveryWithAttempts, Endpoint, LoggedEvent } from "../api/shapes.js";
import { exact } from "../format.js";
import { useDoing, useLoaded, useWhileVisible } from "../loading.js";
import { Panel } from "../parts/beside.js";
import { Code, Copy, Id } from "../parts/copy.js";
import { Act } from "../parts/form.js";
import { Marks, StateOf } from "../parts/marks.js";
import { Ghosts, Trouble } from "../parts/notice.js";
import { quoted } from "../parts/page.js";
import { Languages } from "../parts/languages.js";
import { When } from "../parts/when.js";
import { RECEIVERS } from "../policy/receivers.js";
import { at } from "../router.js";
import { useApplication } from "../session.js";

const POLL_MS = 2000;

/** The body, told from the event. The order of its members may be another on the wire. */
function bodyOf(event: LoggedEvent): string {
  return JSON.stringify({ id: event.id, action: event.action, timestamp: Math.floor(event.created_at / 1000), text: event.text });
}

/** The header lines of the latest attempt, as far as they are the same whenever it is made. */
function headersOf(delivery: DeliveryWithAttempts): [name: string, value: string][] {
  return [
    ["Content-Type", "application/json"],
    ["User-Agent", "longshore-webhooks/1"],
    ["FS-Delivery", `dlv_${delivery.id}`],
    ["FS-Attempt", String(Math.max(delivery.attempts, 1))],
    ["webhook-id", `evt_${delivery.event_id}`],
  ];
}

/** The request for a shell. It bears no signature: only the endpoint and the server know the secret. */
function curlOf(url: string, delivery: DeliveryWithAttempts, body: string): string {
  return [
    `curl -X POST ${quoted(url)}`,
    ...headersOf(delivery).map(([name, header]) => `-H ${quoted(`${name}: ${header}`)}`),
    `--data-raw ${quoted(body)}`,
  ].join(" \\\n  ");
}

function useDelivery(id: string) {
  const { application } = useApplication();
  const base = `/applications/${application.apikey}`;
  const path = `${base}/deliveries/${encodeURIComponent(id)}`;
  const delivery = useLoaded(path, () => get<DeliveryWithAttempts>(path));
  const number = delivery.value?.event_id;
  const event = useLoaded(`${base}/events/${number}`, async () => (number === undefined ? undefined : get<LoggedEvent>(`${base}/events/${number}`)));
  return { path, delivery, event };
}

export function DeliveryPanel({ id, close, endpoints, onChange }: { id: string; close: string; endpoints: Endpoint[] | undefined; onChange: () => void }) {
  const { path, delivery, event } = useDelivery(id);
  const doing = useDoing();
  const { value } = delivery;
  useWhileVisible(POLL_MS, () => {
    if (value?.state === "pending") void delivery.again();
  });
  const resend = () =>
    void doing.run(async () => {
      await ask("POST", `${path}/resend`, {});
      await delivery.again();
      onChange();
    });
  const url = endpoints?.find((one) => one.id === value?.endpoint_id)?.url ?? "";
  const body = event.value ? bodyOf(event.value) : "";
  return (
    <Panel title={`Delivery ${id}`} close={close}>
      <Trouble text={delivery.trouble || doing.trouble} />
      {!value && !delivery.trouble && <Ghosts rows={4} />}
      {value && (
        <>
          <Facts delivery={value} url={url} />
          <div class="actions">
            <Act needs="developer" kind="primary small" busy={doing.busy} onClick={resend}>Resend</Act>
            {url && body && <Copy text={curlOf(url, value, body)}>Copy as curl</Copy>}
          </div>
          <Attempts attempts={value.attempt_log} />
          {body && (
            <section class="request">
              <h3>Request</h3>
              <p class="hint">Each attempt also bears its time and signatures over the body as it came: FS-Timestamp, FS-Signature, webhook-timestamp, webhook-signature. The server keeps none of them.</p>
              <Code text={headersOf(value).map(([name, header]) => `${name}: ${header}`).join("\n")} name="Request headers" />
              <p class="hint">The body, told from the event. It is the same in every attempt.</p>
              <Code text={pretty(body)} name="Request body" />
              <details>
                <summary>How to check the signature</summary>
                <p class="hint">Over the raw body, before a parser has touched it. <code>LONGSHORE_SECRET</code> is the endpoint's secret.</p>
                <Languages what="The check" all={RECEIVERS} />
              </details>
            </section>
          )}
        </>
      )}
    </Panel>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Facts({ delivery, url }: { delivery: DeliveryWithAttempts; url: string }) {
  const { application } = useApplication();
  return (
    <dl class="facts">
      <dt>State</dt><dd><StateOf delivery={delivery} /> <Marks delivery={delivery} /></dd>
      <dt>Event</dt><dd><a href={at(application.apikey, "events", delivery.event_id)}>{delivery.action}</a> <Id text={String(delivery.event_id)}>{`evt_${delivery.event_id}`}</Id></dd>
      {delivery.handle && <><dt>File</dt><dd><Id>{delivery.handle}</Id> <a href={at(application.apikey, "files", delivery.handle)}>See it</a></dd></>}
      <dt>Endpoint</dt><dd>{url ? <Id>{url}</Id> : <Id>{delivery.endpoint_id}</Id>}</dd>
      <dt>Came about</dt><dd>{exact(delivery.created_at)}</dd>
      {delivery.next_at !== null && <><dt>Next attempt</dt><dd><When at={delivery.next_at} /></dd></>}
      {delivery.last_error && <><dt>Last error</dt><dd>{delivery.last_error}</dd></>}
    </dl>
  );
}

function Attempts({ attempts }: { attempts: Attempt[] }) {
  if (attempts.length === 0) return <p class="hint">No attempt was made yet.</p>;
  return (
    <section>
      <h3>Attempts</h3>
      <ol class="timeline">
        {[...attempts].reverse().map((one) => <AttemptItem key={one.number} attempt={one} />)}
      </ol>
    </section>
  );
}

function AttemptItem({ attempt }: { attempt: Attempt }) {
  const headers = Object.entries(attempt.response_headers);
  return (
    <li class={attempt.error ? "no" : "ok"}>
      <p class="first">
        <span><b>{attempt.status ?? "No answer"}</b> attempt {attempt.number}{attempt.manual && ", by hand"}, {attempt.duration_ms} ms</span>
        <When at={attempt.started_at} />
      </p>
      {attempt.error && <p class="bad">{attempt.error}</p>}
      {(headers.length > 0 || attempt.response_body) && (
        <details>
          <summary>Answer</summary>
          {headers.length > 0 && <Code text={headers.map(([name, value]) => `${name}: ${value}`).join("\n")} name={`Answer headers of attempt ${attempt.number}`} />}
          {attempt.response_body && <Code text={pretty(attempt.response_body)} name={`Answer body of attempt ${attempt.number}`} />}
        </details>
      )}
    </li>
  );
}
