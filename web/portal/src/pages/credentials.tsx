/** The API key, and the tokens with which scripts use the management API. */

import { useState } from "preact/hooks";
import { ask, get } from "../api/client.js";
import type { Application, Role, Token } from "../api/shapes.js";
import { plainName } from "../format.js";
import { useDoing, useLoaded } from "../loading.js";
import { Once, Question } from "../parts/ask.js";
import { Id, Line } from "../parts/copy.js";
import { Act, Choice, Field, Form } from "../parts/form.js";
import { Empty, Ghosts, RoleNote, Trouble } from "../parts/notice.js";
import { Page, Part } from "../parts/page.js";
import { When } from "../parts/when.js";
import { reason, useApplication, useKnown } from "../session.js";

export const ROLES: [Role, string][] = [
  ["viewer", "viewer: sees all but secrets"],
  ["developer", "developer: also changes settings"],
  ["owner", "owner: also members and tokens"],
];

export function Credentials() {
  const { application } = useApplication();
  const base = `/applications/${application.apikey}`;
  return (
    <Page title="Credentials" calls={[{ path: `${base}/tokens` }, { method: "POST", path: `${base}/tokens`, body: { name: "deploy script", role: "developer" } }]}>
      <Name />
      <Part title="API key" intro="Public: it stands in your pages and names the application everywhere.">
        <Line text={application.apikey} name="API key" />
      </Part>
      <Part title="Secret" intro="Was shown once, when the application was made. It signs policies on your server and is never shown again." />
      <Tokens />
    </Page>
  );
}

function Name() {
  const { application, set } = useApplication();
  const { reloadApplications } = useKnown();
  const [name, setName] = useState(application.name);
  const doing = useDoing();
  const save = () =>
    doing.run(async () => {
      set(await ask<Application>("PATCH", `/applications/${application.apikey}`, { name }));
      await reloadApplications();
    });
  return (
    <>
      <RoleNote needs="developer" what="change the name" />
      <Form doing={doing} onSubmit={() => void save()} closed={!!reason(application.role, "developer")} label="Name">
        <Field label="Name" value={name} onValue={setName} required maxLength={200} />
        <div class="actions"><Act needs="developer" submit busy={doing.busy} disabled={name === application.name}>Save</Act></div>
      </Form>
    </>
  );
}

function Tokens() {
  const { application } = useApplication();
  const allowed = !reason(application.role, "owner");
  return (
    <Part title="Management tokens" intro="With a token a script does what this portal does, for this application alone and within the token's role.">
      <RoleNote needs="owner" what="see, make and revoke tokens" />
      {allowed && <List />}
    </Part>
  );
}

function List() {
  const { application } = useApplication();
  const base = `/applications/${application.apikey}/tokens`;
  const tokens = useLoaded(base, () => get<{ items: Token[] }>(base));
  const [made, setMade] = useState<{ name: string; token: string }>();
  const [ending, setEnding] = useState<Token>();
  const doing = useDoing();
  const end = (token: Token) =>
    doing.run(async () => {
      await ask("DELETE", `${base}/${encodeURIComponent(token.id)}`);
      setEnding(undefined);
      await tokens.again();
    });
  return (
    <>
      <NewToken base={base} onMade={(token) => { setMade(token); void tokens.again(); }} />
      <Trouble text={tokens.trouble} again={() => void tokens.again()} />
      {!tokens.value && !tokens.trouble && <Ghosts rows={2} />}
      {tokens.value?.items.length === 0 && <Empty title="No token yet" icon="lock"><p>Tokens of this application show here, with when each was last used.</p></Empty>}
      <ul class="rows">
        {tokens.value?.items.map((token) => <Row key={token.id} token={token} onEnd={() => setEnding(token)} />)}
      </ul>
      {ending && (
        <Question title="Revoke this token" yes="Revoke" doing={doing} onYes={() => void end(ending)} onNo={() => { setEnding(undefined); doing.clear(); }}>
          <p>Scripts that use <b><bdi>{plainName(ending.name)}</bdi></b> are refused from then on. It cannot be taken back.</p>
        </Question>
      )}
      {made && (
        <Once title="The token is made" lines={[{ name: plainName(made.name) || "Token", text: made.token }]} onClose={() => setMade(undefined)}>
          <p>Keep it where your scripts read their secrets. <b>It is not shown again.</b></p>
        </Once>
      )}
    </>
  );
}

function Row({ token, onEnd }: { token: Token; onEnd: () => void }) {
  const over = token.revoked_at ?? (token.expires_at !== null && token.expires_at < Date.now() ? token.expires_at : null);
  return (
    <li class={over === null ? undefined : "faint"}>
      <div>
        <b><bdi>{plainName(token.name) || "No name"}</bdi></b> {token.role} <Id>{token.id}</Id>
        <small>
          Made <When at={token.created_at} /> by <bdi>{token.made_by}</bdi>, last used <When at={token.last_used_at} />
          {token.expires_at !== null && <>, ends <When at={token.expires_at} /></>}
        </small>
      </div>
      {over === null ? <Act needs="owner" kind="danger small" onClick={onEnd}>Revoke</Act> : <span>{token.revoked_at === null ? "Ended" : "Revoked"} <When at={over} /></span>}
    </li>
  );
}

const DAY_MS = 24 * 3600 * 1000;

function NewToken({ base, onMade }: { base: string; onMade: (made: { name: string; token: string }) => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<string>("developer");
  const [days, setDays] = useState("");
  const doing = useDoing();
  const make = () =>
    doing.run(async () => {
      const ends = days ? { expires_at: Date.now() + Number(days) * DAY_MS } : {};
      onMade(await ask("POST", base, { name, role, ...ends }));
      setName("");
    });
  return (
    <Form doing={doing} onSubmit={() => void make()} label="New token">
      <Field label="Name of the new token" value={name} onValue={setName} required maxLength={100} placeholder="deploy script" autocomplete="off" />
      <div class="two">
        <Choice label="Role" value={role} onValue={setRole} options={ROLES} />
        <Choice label="Ends" value={days} onValue={setDays} options={[["", "never"], ["30", "in 30 days"], ["90", "in 90 days"], ["365", "in a year"]]} />
      </div>
      <div class="actions"><Act needs="owner" submit busy={doing.busy} kind="plain">Make a token</Act></div>
    </Form>
  );
}
