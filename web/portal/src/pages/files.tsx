/** The files of an application: listed; one with its metadata, its links and its events. */

import { get } from "../api/client.js";
import type { LoggedEvent, Page as Listed, StoredFile } from "../api/shapes.js";
import { exact, formats, plainName } from "../format.js";
import { useLoaded } from "../loading.js";
import { usePaged } from "../paging.js";
import { Beside, Panel } from "../parts/beside.js";
import { Id, Line } from "../parts/copy.js";
import { Empty, Ghosts, Trouble } from "../parts/notice.js";
import { Page } from "../parts/page.js";
import { PagedTable, type Column } from "../parts/table.js";
import { When } from "../parts/when.js";
import { at, type Place } from "../router.js";
import { useApplication } from "../session.js";

export function Files({ here }: { here: Place }) {
  const { application } = useApplication();
  const { apikey } = application;
  const base = `/applications/${apikey}/files`;
  const paged = usePaged<StoredFile>(base, (one) => one.handle);
  const chosen = here.parts[3];
  return (
    <Page title="Files" calls={[{ path: base }, { path: `${base}/${chosen ?? "HANDLE"}` }]} wide>
      <Beside opened={chosen && <FilePanel key={chosen} handle={chosen} close={at(apikey, "files")} />}>
        <PagedTable
          label="Files"
          paged={paged}
          name={(one) => one.handle}
          chosen={chosen}
          columns={columns(apikey, chosen !== undefined)}
          empty={
            <Empty title="No file yet">
              <p>Each file that a person picks is stored and shows here, the newest first. The overview has the lines that put the picker into a page.</p>
              <a class="primary" href={at(apikey)}>To the overview</a>
            </Empty>
          }
        />
      </Beside>
    </Page>
  );
}

function columns(apikey: string, narrow: boolean): Column<StoredFile>[] {
  const all: (Column<StoredFile> & { roomy?: boolean })[] = [
    { name: "Name", kind: "name", cell: (one) => <a href={at(apikey, "files", one.handle)} data-row><bdi>{plainName(one.filename) || "No name"}</bdi></a> },
    { name: "Size", kind: "number", cell: (one) => formats.size(one.size) },
    { name: "From", wide: true, roomy: true, cell: (one) => one.client },
    { name: "Handle", wide: true, roomy: true, cell: (one) => <Id>{one.handle}</Id> },
    { name: "Stored", cell: (one) => <When at={one.created_at} /> },
  ];
  return all.filter((column) => !narrow || !column.roomy);
}

function FilePanel({ handle, close }: { handle: string; close: string }) {
  const { application } = useApplication();
  const base = `/applications/${application.apikey}`;
  const file = useLoaded(handle, () => get<StoredFile>(`${base}/files/${encodeURIComponent(handle)}`));
  const { value } = file;
  return (
    <Panel title={value ? plainName(value.filename) || "No name" : "File"} close={close}>
      <Trouble text={file.trouble} />
      {!value && !file.trouble && <Ghosts rows={4} />}
      {value && <Facts file={value} />}
      {value && (
        <section class="request">
          <h3>Link</h3>
          <Line text={value.url} name="Link to the bytes" />
          {application.security && <p class="hint">Security is on: the link needs a policy and its signature.</p>}
        </section>
      )}
      {value && <Events handle={handle} />}
    </Panel>
  );
}

function Facts({ file }: { file: StoredFile }) {
  const tags = Object.entries(file.upload_tags ?? {});
  return (
    <dl class="facts">
      <dt>Handle</dt><dd><Id>{file.handle}</Id></dd>
      <dt>Type</dt><dd>{plainName(file.mimetype)}</dd>
      <dt>Size</dt><dd>{formats.size(file.size)}{file.size >= 1000 && `, ${formats.number(file.size)} bytes`}</dd>
      {file.width !== null && file.height !== null && <><dt>Picture</dt><dd>{file.width} × {file.height}</dd></>}
      <dt>From</dt><dd>{file.client}{file.source_path && <>: <bdi>{plainName(file.source_path)}</bdi></>}</dd>
      <dt>Kept</dt><dd>{file.kind === "stored" ? "in the storage" : "in Dropbox"}, {file.access}</dd>
      {file.key && <><dt>Key</dt><dd><Id>{file.key}</Id></dd></>}
      {file.container && <><dt>Container</dt><dd><Id>{file.container}</Id></dd></>}
      {file.content_hash && <><dt>Content hash</dt><dd><Id>{file.content_hash}</Id></dd></>}
      {tags.length > 0 && <><dt>Tags</dt><dd>{tags.map(([name, value]) => `${plainName(name)}: ${plainName(value)}`).join(", ")}</dd></>}
      <dt>Stored</dt><dd>{exact(file.created_at)}</dd>
      <dt>Version</dt><dd>{file.version}{file.version > 1 && `, since ${exact(file.modified_at)}`}</dd>
    </dl>
  );
}

function Events({ handle }: { handle: string }) {
  const { application } = useApplication();
  const path = `/applications/${application.apikey}/events?handle=${encodeURIComponent(handle)}`;
  const events = useLoaded(path, () => get<Listed<LoggedEvent>>(path));
  return (
    <section>
      <h3>Events</h3>
      <Trouble text={events.trouble} />
      {events.value?.items.length === 0 && <p class="hint">Nothing was recorded, or it is past its retention.</p>}
      <ul class="rows">
        {events.value?.items.map((one) => (
          <li key={one.id}>
            <div><a href={at(application.apikey, "events", one.id)}>{one.action}</a></div>
            <When at={one.created_at} />
          </li>
        ))}
      </ul>
    </section>
  );
}
