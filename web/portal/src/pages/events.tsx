/** The log of events: what happened, newest first; one with its text and its deliveries. */

import { useState } from "preact/hooks";
import { get, query } from "../api/client.js";
import type { Delivery, LoggedEvent, Page as Listed } from "../api/shapes.js";
import { exact } from "../format.js";
import { useLoaded, useWhileVisible } from "../loading.js";
import { usePaged } from "../paging.js";
import { Beside, Panel } from "../parts/beside.js";
import { Code, Id } from "../parts/copy.js";
import { Choice, Field } from "../parts/form.js";
import { Marks, StateOf } from "../parts/marks.js";
import { Empty, Ghosts, Trouble } from "../parts/notice.js";
import { Page } from "../parts/page.js";
import { PagedTable, type Column } from "../parts/table.js";
import { When } from "../parts/when.js";
import { at, filter, type Place } from "../router.js";
import { useApplication } from "../session.js";
import { ACTIONS } from "./webhooks.js";

const POLL_MS = 2000;
const HANDLE = /^[A-Za-z0-9]{20}$/;

export function Events({ here }: { here: Place }) {
  const { application } = useApplication();
  const { apikey } = application;
  const base = `/applications/${apikey}/events`;
  const handle = here.search.get("handle") ?? "";
  const search = query({ action: here.search.get("action"), handle });
  const paged = usePaged<LoggedEvent>(base + search, (one) => one.id);
  useWhileVisible(POLL_MS, paged.look);
  const chosen = here.parts[3];
  return (
    <Page title="Events" calls={[{ path: base + search }, { path: `${base}/${chosen ?? "EVENT"}` }]} wide>
      <div class="filters" role="group" aria-label="Filters">
        <Choice label="Event" value={here.search.get("action") ?? ""} onValue={(action) => filter({ action })} options={[["", "all"], ...[...ACTIONS, "fp.endpoint"].map((one): [string, string] => [one, one])]} data-filter />
        <HandleFilter key={handle} value={handle} />
      </div>
      <Beside opened={chosen && <EventPanel key={chosen} id={chosen} close={at(apikey, "events") + search} />}>
        {paged.fresh && <div class="fresh"><button type="button" class="primary small" onClick={paged.showFresh}>{paged.fresh} new</button></div>}
        <PagedTable
          label="Events"
          paged={paged}
          name={(one) => one.id}
          chosen={chosen}
          columns={columns(apikey, search)}
          empty={search ? <Empty title="Nothing fits the filters" icon="search" /> : <Empty title="No event yet" icon="clock"><p>Whenever a file is stored, overwritten or deleted, or a picker opens, it is recorded here and told to the webhooks.</p></Empty>}
        />
      </Beside>
    </Page>
  );
}

function HandleFilter({ value }: { value: string }) {
  const [text, setText] = useState(value);
  const wrong = text !== "" && !HANDLE.test(text);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong) filter({ handle: text });
      }}
    >
      <Field label="Handle" value={text} onValue={(next) => setText(next.trim())} autocomplete="off" spellcheck={false} {...(wrong ? { hint: "A handle has twenty letters and digits." } : {})} />
    </form>
  );
}

function columns(apikey: string, search: string): Column<LoggedEvent>[] {
  return [
    { name: "Event", kind: "name", cell: (one) => <a href={at(apikey, "events", one.id) + search} data-row>{one.action}</a> },
    { name: "Id", cell: (one) => <Id>{one.id}</Id> },
    { name: "File", wide: true, cell: (one) => (one.handle ? <Id>{one.handle}</Id> : <span class="faint">none</span>) },
    { name: "Time", cell: (one) => <When at={one.created_at} /> },
  ];
}

function EventPanel({ id, close }: { id: string; close: string }) {
  const { application } = useApplication();
  const base = `/applications/${application.apikey}`;
  const event = useLoaded(id, () => get<LoggedEvent>(`${base}/events/${encodeURIComponent(id)}`));
  const { value } = event;
  return (
    <Panel title={`Event ${id}`} close={close}>
      <Trouble text={event.trouble} />
      {!value && !event.trouble && <Ghosts rows={4} />}
      {value && (
        <>
          <dl class="facts">
            <dt>What</dt><dd>{value.action}</dd>
            {value.handle && <><dt>File</dt><dd><Id>{value.handle}</Id> <a href={at(application.apikey, "files", value.handle)}>See it</a></dd></>}
            <dt>When</dt><dd>{exact(value.created_at)}</dd>
          </dl>
          <section class="request"><h3>Text</h3><Code text={JSON.stringify(value.text, null, 2)} name="Text of the event" /></section>
          <Told id={value.id} />
        </>
      )}
    </Panel>
  );
}

/** To whom it was told. */
function Told({ id }: { id: number }) {
  const { application } = useApplication();
  const path = `/applications/${application.apikey}/deliveries?event=${id}`;
  const deliveries = useLoaded(path, () => get<Listed<Delivery>>(path));
  return (
    <section>
      <h3>Deliveries</h3>
      <Trouble text={deliveries.trouble} />
      {deliveries.value?.items.length === 0 && <p class="hint">No webhook was there to be told.</p>}
      <ul class="rows">
        {deliveries.value?.items.map((one) => (
          <li key={one.id}>
            <div><a href={at(application.apikey, "deliveries", one.id)}>Delivery {one.id}</a> <Marks delivery={one} /></div>
            <StateOf delivery={one} />
          </li>
        ))}
      </ul>
    </section>
  );
}
