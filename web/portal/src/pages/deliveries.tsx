/** The deliveries: which events were told to which endpoint, live, with their attempts. */

import { useState } from "preact/hooks";
import { ask, get, query } from "../api/client.js";
import type { Delivery, DeliveryState, Endpoint } from "../api/shapes.js";
import { counted } from "../format.js";
import { useDoing, useLoaded, useWhileVisible, type Loaded } from "../loading.js";
import { usePaged } from "../paging.js";
import { Beside } from "../parts/beside.js";
import { Window } from "../parts/ask.js";
import { Id } from "../parts/copy.js";
import { Act, Choice, Field } from "../parts/form.js";
import { Marks, StateOf } from "../parts/marks.js";
import { Empty, Trouble } from "../parts/notice.js";
import { Page } from "../parts/page.js";
import { PagedTable, type Column } from "../parts/table.js";
import { When } from "../parts/when.js";
import { at, filter, type Place } from "../router.js";
import { useApplication } from "../session.js";
import { DeliveryPanel } from "./delivery_panel.js";

const POLL_MS = 2000;
const STATES: DeliveryState[] = ["pending", "delivered", "exhausted", "held", "cancelled"];

type Endpoints = Loaded<{ items: Endpoint[] }>;

export function Deliveries({ here }: { here: Place }) {
  const { application } = useApplication();
  const base = `/applications/${application.apikey}`;
  const endpoints = useLoaded(base, () => get<{ items: Endpoint[] }>(`${base}/endpoints`));
  const wanted = Object.fromEntries(["endpoint", "event", "state"].map((name) => [name, here.search.get(name)]));
  const path = `${base}/deliveries${query(wanted)}`;
  const paged = usePaged<Delivery>(path, (one) => one.id);
  useWhileVisible(POLL_MS, paged.look);
  const chosen = here.parts[3];
  const list = at(application.apikey, "deliveries") + query(wanted);
  return (
    <Page title="Deliveries" calls={[{ path }, { path: `${base}/deliveries/${chosen ?? "DELIVERY"}` }, { method: "POST", path: `${base}/deliveries/${chosen ?? "DELIVERY"}/resend`, body: {} }]} wide>
      <Filters here={here} endpoints={endpoints} onResent={paged.again} />
      <Beside opened={chosen && <DeliveryPanel key={chosen} id={chosen} close={list} endpoints={endpoints.value?.items} onChange={paged.look} />}>
        {paged.fresh && (
          <div class="fresh"><button type="button" class="primary small" onClick={paged.showFresh}>{paged.fresh} new</button></div>
        )}
        <PagedTable
          label="Deliveries"
          paged={paged}
          name={(one) => one.id}
          chosen={chosen}
          columns={columns(application.apikey, query(wanted), endpoints.value?.items, chosen !== undefined)}
          empty={<Nothing filtered={query(wanted) !== ""} apikey={application.apikey} />}
        />
      </Beside>
    </Page>
  );
}

function columns(apikey: string, search: string, endpoints: Endpoint[] | undefined, narrow: boolean): Column<Delivery>[] {
  const url = (id: number) => endpoints?.find((one) => one.id === id)?.url;
  const all: (Column<Delivery> & { roomy?: boolean })[] = [
    { name: "Event", kind: "name", cell: (one) => <a href={at(apikey, "deliveries", one.id) + search} data-row>{one.action}</a> },
    { name: "Time", cell: (one) => <When at={one.created_at} /> },
    { name: "File", wide: true, roomy: true, cell: (one) => (one.handle ? <Id>{one.handle}</Id> : <span class="faint">none</span>) },
    { name: "Endpoint", wide: true, roomy: true, cell: (one) => <Id text={url(one.endpoint_id) ?? String(one.endpoint_id)} short>{hostOf(url(one.endpoint_id)) ?? one.endpoint_id}</Id> },
    { name: "Attempts", cell: (one) => <Marks delivery={one} /> },
    { name: "State", wide: true, cell: (one) => <StateOf delivery={one} /> },
    { name: "Answer", wide: true, cell: (one) => one.last_status ?? <span class="faint">none</span> },
    { name: "Next", wide: true, roomy: true, cell: (one) => <When at={one.next_at} never="–" /> },
  ];
  return all.filter((column) => !narrow || !column.roomy);
}

function hostOf(url: string | undefined): string | undefined {
  return url === undefined ? undefined : url.replace(/^https?:\/\//, "").replace(/[/?#].*$/, "");
}

function Nothing({ filtered, apikey }: { filtered: boolean; apikey: string }) {
  if (filtered) return <Empty title="Nothing fits the filters" icon="search"><p>No delivery is of this endpoint, event and state.</p></Empty>;
  return (
    <Empty title="No delivery yet" icon="into">
      <p>Each event that is told to a webhook shows here with all its attempts, as it happens.</p>
      <a class="primary" href={at(apikey, "webhooks")}>Add a webhook</a>
    </Empty>
  );
}

function Filters({ here, endpoints, onResent }: { here: Place; endpoints: Endpoints; onResent: () => void }) {
  const [asking, setAsking] = useState(false);
  const items = endpoints.value?.items ?? [];
  const names = items.map((one): [string, string] => [String(one.id), `${one.event} to ${hostOf(one.url) ?? ""}`]);
  return (
    <div class="filters" role="group" aria-label="Filters">
      <Choice label="Endpoint" value={here.search.get("endpoint") ?? ""} onValue={(endpoint) => filter({ endpoint })} options={[["", "all"], ...names]} data-filter />
      <Choice label="State" value={here.search.get("state") ?? ""} onValue={(state) => filter({ state })} options={[["", "all"], ...STATES.map((one): [string, string] => [one, one])]} />
      <EventFilter key={here.search.get("event") ?? ""} value={here.search.get("event") ?? ""} />
      <span class="grow" />
      <Act needs="developer" disabled={items.length === 0} onClick={() => setAsking(true)}>Resend failed</Act>
      {asking && <ResendFailed endpoints={items} first={here.search.get("endpoint") ?? ""} onClose={() => setAsking(false)} onResent={onResent} />}
    </div>
  );
}

/** The id of an event; taken when one leaves the field or presses Enter. */
function EventFilter({ value }: { value: string }) {
  const [text, setText] = useState(value);
  const wrong = text !== "" && !/^\d+$/.test(text);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong) filter({ event: text });
      }}
    >
      <Field label="Event id" value={text} onValue={setText} inputMode="numeric" autocomplete="off" {...(wrong ? { hint: "An event id is a number." } : {})} />
    </form>
  );
}

const HOUR_MS = 3600 * 1000;
const SPANS: [string, string][] = [["1", "the last hour"], ["24", "the last 24 hours"], ["168", "the last 7 days"], ["720", "the last 30 days"]];

function ResendFailed({ endpoints, first, onClose, onResent }: { endpoints: Endpoint[]; first: string; onClose: () => void; onResent: () => void }) {
  const { application } = useApplication();
  const [endpoint, setEndpoint] = useState(first || String(endpoints[0]?.id ?? ""));
  const [hours, setHours] = useState("24");
  const [resent, setResent] = useState<number>();
  const doing = useDoing();
  const send = () =>
    doing.run(async () => {
      const since = Date.now() - Number(hours) * HOUR_MS;
      const answer = await ask<{ resent: number }>("POST", `/applications/${application.apikey}/endpoints/${endpoint}/resend-failed`, { since });
      setResent(answer.resent);
      onResent();
    });
  return (
    <Window title="Resend failed" onClose={onClose}>
      <p>What the endpoint did not accept is attempted once more, now.</p>
      <Choice label="Endpoint" value={endpoint} onValue={setEndpoint} options={endpoints.map((one) => [String(one.id), `${one.event} to ${hostOf(one.url) ?? ""}`])} />
      <Choice label="Since" value={hours} onValue={setHours} options={SPANS} />
      <Trouble text={doing.trouble} />
      <p role="status">{resent !== undefined && (resent === 0 ? "There was nothing to resend." : `${counted(resent, "delivery", "deliveries")} on the way.`)}</p>
      <div class="actions end">
        <button type="button" class="plain" onClick={onClose}>Close</button>
        <button type="button" class="primary" disabled={doing.busy} onClick={() => void send()}>Resend</button>
      </div>
    </Window>
  );
}
