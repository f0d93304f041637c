/** Webhook endpoints: listed with their state, added, switched, deleted; their secrets changed. */

import { useState } from "preact/hooks";
import { ask, get } from "../api/client.js";
import type { Endpoint, MadeEndpoint } from "../api/shapes.js";
import { plainName } from "../format.js";
import { useDoing, useLoaded } from "../loading.js";
import { Once } from "../parts/ask.js";
import { Act, Choice, Field, Form } from "../parts/form.js";
import { Empty, Ghosts, RoleNote, Trouble } from "../parts/notice.js";
import { Page, Part } from "../parts/page.js";
import { reason, useApplication } from "../session.js";
import { EndpointRow } from "./endpoint_row.js";

/** The kinds of events that an endpoint may be told of. */
export const ACTIONS = ["fp.upload", "fp.overwrite", "fp.delete", "fp.dialog", "fp.export", "fp.converse"];

export function Webhooks() {
  const { application } = useApplication();
  const base = `/applications/${application.apikey}/endpoints`;
  const endpoints = useLoaded(base, () => get<{ items: Endpoint[] }>(base));
  const [made, setMade] = useState<MadeEndpoint[]>();
  const again = () => void endpoints.again();
  const items = endpoints.value?.items.filter((one) => one.state !== "deleted");
  return (
    <Page
      title="Webhooks"
      intro="The server tells yours what happened: each event is a signed POST, repeated until it is accepted."
      calls={[{ path: base }, { method: "POST", path: base, body: { url: "https://example.com/hooks/longshore", event: "all" } }]}
    >
      <RoleNote needs="developer" what="add and change webhooks" />
      <Trouble text={endpoints.trouble} again={again} />
      {!items && !endpoints.trouble && <Ghosts rows={3} />}
      {items?.length === 0 && (
        <Empty title="No webhook yet" icon="link">
          <p>An endpoint is an address on your server and a kind of event. Add one below, pick a file, and its delivery shows under Deliveries.</p>
        </Empty>
      )}
      <ul class="endpoints">
        {items?.map((one) => <EndpointRow key={one.id} endpoint={one} base={base} onChange={again} />)}
      </ul>
      <Add base={base} onMade={(list) => { setMade(list); again(); }} />
      {made && (
        <Once title="The webhook is added" lines={secrets(made)} onClose={() => setMade(undefined)}>
          <p>Your server checks signatures with this secret. <b>It is not shown again.</b></p>
        </Once>
      )}
    </Page>
  );
}

/** Endpoints that are made together share a secret; each secret shows once. */
function secrets(made: MadeEndpoint[]): { name: string; text: string }[] {
  const all = new Map<string, string[]>();
  for (const one of made) all.set(one.secret, [...(all.get(one.secret) ?? []), one.event]);
  return [...all].map(([text, events]) => ({ name: `Secret for ${events.join(", ")}`, text }));
}

function Add({ base, onMade }: { base: string; onMade: (made: MadeEndpoint[]) => void }) {
  const { application } = useApplication();
  const [url, setUrl] = useState("");
  const [event, setEvent] = useState("all");
  const [description, setDescription] = useState("");
  const doing = useDoing();
  const add = () =>
    doing.run(async () => {
      const { items } = await ask<{ items: MadeEndpoint[] }>("POST", base, { url: url.trim(), event, description: plainName(description) });
      setUrl("");
      setDescription("");
      onMade(items);
    });
  return (
    <Part title="Add a webhook">
      <Form doing={doing} onSubmit={() => void add()} closed={!!reason(application.role, "developer")} label="Add a webhook">
        <Field label="Address" value={url} onValue={setUrl} inputMode="url" required autocomplete="off" spellcheck={false} placeholder="https://example.com/hooks/longshore" hint="http or https. Addresses in private networks are refused." />
        <div class="two">
          <Choice label="Event" value={event} onValue={setEvent} options={[["all", "all: one endpoint of each kind"], ...ACTIONS.map((one): [string, string] => [one, one])]} />
          <Field label="Description" value={description} onValue={setDescription} maxLength={200} autocomplete="off" />
        </div>
        <div class="actions"><Act needs="developer" kind="primary" submit busy={doing.busy}>Add</Act></div>
      </Form>
    </Part>
  );
}
