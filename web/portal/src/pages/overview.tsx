/** The first page of an application: the setup checklist, then what happened of late. */

import type { ComponentChildren } from "preact";
import { Icon } from "../../../picker/src/views/icons.js";
import { get } from "../api/client.js";
import type { Application, Endpoint, LoggedEvent, Page as Listed, StoredFile, Usage } from "../api/shapes.js";
import { counted, formats, plainName } from "../format.js";
import { useLoaded } from "../loading.js";
import { Code, Id } from "../parts/copy.js";
import { Ghosts, Trouble } from "../parts/notice.js";
import { Page, Part } from "../parts/page.js";
import { When } from "../parts/when.js";
import { at } from "../router.js";
import { useApplication } from "../session.js";

const DAY_MS = 24 * 3600 * 1000;

interface Seen {
  endpoints: Endpoint[];
  events: LoggedEvent[];
  files: StoredFile[];
  usage: Usage;
}

async function look(apikey: string): Promise<Seen> {
  const base = `/applications/${apikey}`;
  const [endpoints, events, files, usage] = await Promise.all([
    get<Listed<Endpoint>>(`${base}/endpoints`),
    get<Listed<LoggedEvent>>(`${base}/events?limit=5`),
    get<Listed<StoredFile>>(`${base}/files?limit=1`),
    get<Usage>(`${base}/usage?since=${Date.now() - DAY_MS}`),
  ]);
  return { endpoints: endpoints.items, events: events.items, files: files.items, usage };
}

export function Overview() {
  const { application } = useApplication();
  const base = `/applications/${application.apikey}`;
  const seen = useLoaded(application.apikey, () => look(application.apikey));
  return (
    <Page title={plainName(application.name)} intro={<>API key <Id>{application.apikey}</Id></>} calls={[{ path: base }, { path: `${base}/endpoints` }, { path: `${base}/events?limit=5` }, { path: `${base}/usage` }]}>
      <Trouble text={seen.trouble} again={() => void seen.again()} />
      {!seen.value && !seen.trouble && <Ghosts />}
      {seen.value && <Checklist application={application} seen={seen.value} />}
      {seen.value && <Lately application={application} seen={seen.value} />}
    </Page>
  );
}

/** The lines that put the picker into a page. */
export function snippet(apikey: string): string {
  return `<button id="pick">Pick a file</button>
<script src="${location.origin}/longshore.js"></script>
<script>
  const client = longshore.init("${apikey}");
  document.querySelector("#pick").onclick = async () => {
    const { filesUploaded } = await client.pick({ maxFiles: 5 });
    console.log(filesUploaded);
  };
</script>`;
}

function Checklist({ application, seen }: { application: Application; seen: Seen }) {
  const { apikey } = application;
  const dropbox = application.dropbox_app_key !== null;
  const webhook = seen.endpoints.some((one) => one.state === "enabled");
  const picked = seen.files.length > 0 || seen.events.some((one) => one.action === "fp.upload");
  if (dropbox && webhook && picked) return null;
  return (
    <Part title="Set it up" intro="In any order. The ticks come from what the server knows.">
      <ol class="steps">
        <Step ready={dropbox} number={1} title="Bring a Dropbox app">
          {dropbox ? (
            <p>People connect through the app <Id>{application.dropbox_app_key ?? ""}</Id>.</p>
          ) : (
            <p>Without one of its own, the application uses the Dropbox app of this server, if that has one. <a href={at(apikey, "dropbox")}>Set key and secret</a></p>
          )}
        </Step>
        <Step ready={picked} number={2} title="Put the picker into a page">
          <Code text={snippet(apikey)} name="HTML of the picker" />
        </Step>
        <Step ready={webhook} number={3} title="Hear of files">
          <p>A webhook tells your server of each file that is picked. <a href={at(apikey, "webhooks")}>{webhook ? "See the webhooks" : "Add a webhook"}</a></p>
        </Step>
        <Step ready={picked} number={4} title="Pick the first file">
          <p>{picked ? <>A file was picked. <a href={at(apikey, "files")}>See the files</a></> : "Open your page and pick one. It shows here."}</p>
        </Step>
      </ol>
    </Part>
  );
}

function Step({ ready, number, title, children }: { ready: boolean; number: number; title: string; children: ComponentChildren }) {
  return (
    <li class={ready ? "ready" : undefined}>
      <span class="done" role="img" aria-label={ready ? "Done" : `Step ${number}, to do`}>{ready ? <Icon name="check" /> : number}</span>
      <div>
        <h3>{title}</h3>
        {children}
      </div>
    </li>
  );
}

function Lately({ application, seen }: { application: Application; seen: Seen }) {
  const { usage, events } = seen;
  const total = (counts: Record<string, number>) => Object.values(counts).reduce((sum, count) => sum + count, 0);
  return (
    <>
      <Part title="The last 24 hours">
        <dl class="figures">
          <div><dt>Files stored</dt><dd>{usage.files.more && "more than "}{formats.number(usage.files.count)}</dd></div>
          <div><dt>Bytes stored</dt><dd>{formats.size(usage.files.bytes)}</dd></div>
          <div><dt>Events</dt><dd>{formats.number(total(usage.events))}</dd></div>
          <div><dt>Deliveries accepted</dt><dd>{formats.number(usage.deliveries["delivered"] ?? 0)}</dd></div>
          <div><dt>Given up</dt><dd class={usage.deliveries["exhausted"] ? "bad" : undefined}>{formats.number(usage.deliveries["exhausted"] ?? 0)}</dd></div>
        </dl>
      </Part>
      <Part title="Latest events" actions={events.length > 0 && <a href={at(application.apikey, "events")}>All events</a>}>
        {events.length === 0 && <p class="intro">Nothing has happened yet. Stored, changed and deleted files show here, the newest first.</p>}
        <ul class="rows" aria-label={counted(events.length, "event")}>
          {events.map((event) => (
            <li key={event.id}>
              <div><a href={at(application.apikey, "events", event.id)}>{event.action}</a> {event.handle && <Id>{event.handle}</Id>}</div>
              <When at={event.created_at} />
            </li>
          ))}
        </ul>
      </Part>
    </>
  );
}
