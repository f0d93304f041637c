/** One webhook endpoint: how it is, and what can be done with it. */

import { useState } from "preact/hooks";
import { ask } from "../api/client.js";
import type { Endpoint } from "../api/shapes.js";
import { counted, plainName } from "../format.js";
import { useDoing, type Doing } from "../loading.js";
import { Once, Question } from "../parts/ask.js";
import { Id } from "../parts/copy.js";
import { Act } from "../parts/form.js";
import { Trouble } from "../parts/notice.js";
import { When } from "../parts/when.js";
import { at } from "../router.js";
import { useApplication } from "../session.js";

type Asked = "delete" | "promote";

export function EndpointRow({ endpoint, base, onChange }: { endpoint: Endpoint; base: string; onChange: () => void }) {
  const { application } = useApplication();
  const [asked, setAsked] = useState<Asked>();
  const [secret, setSecret] = useState("");
  const doing = useDoing();
  const path = `${base}/${endpoint.id}`;
  const does = (work: () => Promise<unknown>) =>
    void doing.run(async () => {
      await work();
      setAsked(undefined);
      onChange();
    });
  const rotate = async () => {
    const answer = await ask<{ secret: string }>("POST", `${path}/rotate-secret`, {});
    setSecret(answer.secret);
  };
  const enabled = endpoint.state === "enabled";
  return (
    <li>
      <div class="first">
        <State endpoint={endpoint} />
        <b>{endpoint.event}</b>
        <Id>{endpoint.id}</Id>
      </div>
      <Id>{endpoint.url}</Id>
      {endpoint.description && <p><bdi>{plainName(endpoint.description)}</bdi></p>}
      <Health endpoint={endpoint} />
      <Rotation endpoint={endpoint} />
      <Trouble text={asked ? "" : doing.trouble} />
      <div class="actions">
        <a class="plain small" href={`${at(application.apikey, "deliveries")}?endpoint=${endpoint.id}`}>Deliveries</a>
        <Act needs="developer" busy={doing.busy} onClick={() => does(() => ask("PATCH", path, { enabled: !enabled }))}>{enabled ? "Disable" : "Enable"}</Act>
        {endpoint.rotation === "pending" ? (
          <Act needs="developer" busy={doing.busy} onClick={() => setAsked("promote")}>Promote the secret</Act>
        ) : (
          <Act needs="developer" busy={doing.busy} onClick={() => does(rotate)}>Rotate the secret</Act>
        )}
        <Act needs="developer" kind="danger small" busy={doing.busy} onClick={() => setAsked("delete")}>Delete</Act>
      </div>
      <Asks asked={asked} endpoint={endpoint} doing={doing} onNo={() => { setAsked(undefined); doing.clear(); }} onYes={() => does(() => (asked === "delete" ? ask("DELETE", path) : ask("POST", `${path}/promote-secret`, {})))} />
      {secret && (
        <Once title="The second secret" lines={[{ name: `Secret for ${endpoint.event}`, text: secret }]} onClose={() => setSecret("")}>
          <p>It signs beside the first. Let your server accept both, then promote it. <b>It is not shown again.</b></p>
        </Once>
      )}
    </li>
  );
}

function State({ endpoint }: { endpoint: Endpoint }) {
  if (endpoint.state === "enabled") {
    return endpoint.failing_since === null ? <span class="badge good">Enabled</span> : <span class="badge bad">Failing</span>;
  }
  return endpoint.state === "disabled_by_us" ? <span class="badge bad">Switched off by the server</span> : <span class="badge faint">Disabled</span>;
}

function Health({ endpoint }: { endpoint: Endpoint }) {
  return (
    <p class="hint">
      {endpoint.state !== "enabled" && endpoint.disabled_reason && <>{plainName(endpoint.disabled_reason)}. </>}
      Last accepted <When at={endpoint.last_success_at} />
      {endpoint.failing_since !== null && <>; fails since <When at={endpoint.failing_since} /> ({counted(endpoint.failures, "attempt")})</>}
      . Added <When at={endpoint.created_at} />.
    </p>
  );
}

function Rotation({ endpoint }: { endpoint: Endpoint }) {
  if (endpoint.rotation === "none") return null;
  const ends = endpoint.rotation_ends_at !== null && <>, which ends by itself <When at={endpoint.rotation_ends_at} /></>;
  return (
    <p class="note">
      <span>
        {endpoint.rotation === "pending" ? (
          <>Step 1 of 2: the second secret signs beside the first{ends}. Promote it once your server knows it.</>
        ) : (
          <>Step 2 of 2: the new secret signs first, the old one still beside it{ends}.</>
        )}
      </span>
    </p>
  );
}

function Asks({ asked, endpoint, doing, onYes, onNo }: { asked: Asked | undefined; endpoint: Endpoint; doing: Doing; onYes: () => void; onNo: () => void }) {
  if (asked === "delete") {
    return (
      <Question title="Delete this webhook" yes="Delete" doing={doing} onYes={onYes} onNo={onNo}>
        <p>{endpoint.event} is no longer told to {endpoint.url}. Deliveries that it is still owed are cancelled.</p>
      </Question>
    );
  }
  if (asked === "promote") {
    return (
      <Question title="Promote the second secret" yes="Promote" doing={doing} onYes={onYes} onNo={onNo}>
        <p>The second secret becomes the first. The old one signs beside it for a while, then no longer.</p>
      </Question>
    );
  }
  return null;
}
