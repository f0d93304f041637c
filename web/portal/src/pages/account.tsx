/** One's own account: name, password, the browsers in which one is signed in, the second factor. */

import { useState } from "preact/hooks";
import { ask, get } from "../api/client.js";
import type { Account as Shape, SeenSession } from "../api/shapes.js";
import { plainName } from "../format.js";
import { useDoing, useLoaded } from "../loading.js";
import { Field, Form } from "../parts/form.js";
import { Ghosts, Trouble } from "../parts/notice.js";
import { Page, Part } from "../parts/page.js";
import { When } from "../parts/when.js";
import { useKnown } from "../session.js";
import { SecondFactor } from "./second_factor.js";

export function Account() {
  const { session } = useKnown();
  return (
    <Page title="Your account" intro={<>Signed in as <bdi>{session.account.email}</bdi>.</>} calls={[{ path: "/session" }, { path: "/account/sessions" }]}>
      <Name />
      <Password />
      <SecondFactor />
      <Sessions />
    </Page>
  );
}

function Name() {
  const { session, setSession } = useKnown();
  const [name, setName] = useState(session.account.name);
  const doing = useDoing();
  const save = () =>
    doing.run(async () => {
      const account = await ask<Shape>("PATCH", "/account", { name });
      setSession({ ...session, account });
    });
  return (
    <Part title="Name" intro="How members of your applications see you.">
      <Form doing={doing} onSubmit={() => void save()} label="Name">
        <Field label="Name" value={name} onValue={setName} autocomplete="name" maxLength={200} />
        <div class="actions"><button type="submit" class="plain" disabled={doing.busy || name === session.account.name}>Save</button></div>
      </Form>
    </Part>
  );
}

function Password() {
  const [present, setPresent] = useState("");
  const [next, setNext] = useState("");
  const [done, setDone] = useState(false);
  const doing = useDoing();
  const save = () =>
    doing.run(async () => {
      setDone(false);
      await ask("PATCH", "/account", { password: { present, new: next } });
      setPresent("");
      setNext("");
      setDone(true);
    });
  return (
    <Part title="Password" intro="A new password signs you out in every other browser.">
      <Form doing={doing} onSubmit={() => void save()} label="Password">
        <Field label="Present password" type="password" value={present} onValue={setPresent} autocomplete="current-password" required />
        <Field label="New password" type="password" value={next} onValue={setNext} autocomplete="new-password" required minLength={10} hint="10 characters or more." />
        <div class="actions">
          <button type="submit" class="plain" disabled={doing.busy}>Change the password</button>
          <span class="said" role="status">{done ? "Changed" : ""}</span>
        </div>
      </Form>
    </Part>
  );
}

/** The browser in words, from what it calls itself. */
function browser(agent: string): string {
  const known: [name: string, mark: RegExp][] = [["Edge", /Edg\//], ["Firefox", /Firefox\//], ["Chrome", /Chrom(e|ium)\//], ["Safari", /Safari\//]];
  const systems: [name: string, mark: RegExp][] = [["iOS", /iPhone|iPad/], ["Android", /Android/], ["Windows", /Windows/], ["macOS", /Mac OS/], ["Linux", /Linux/]];
  const find = (list: [string, RegExp][]) => list.find(([, mark]) => mark.test(agent))?.[0];
  const name = find(known);
  const system = find(systems);
  return name ? `${name}${system ? ` on ${system}` : ""}` : plainName(agent) || "A client that gives no name";
}

function Sessions() {
  const sessions = useLoaded("sessions", () => get<{ items: SeenSession[] }>("/account/sessions"));
  const doing = useDoing();
  const end = (id: number) =>
    doing.run(async () => {
      await ask("DELETE", `/account/sessions/${id}`);
      await sessions.again();
    });
  return (
    <Part title="Signed in" intro="The browsers in which you are signed in.">
      <Trouble text={sessions.trouble || doing.trouble} />
      {!sessions.value && !sessions.trouble && <Ghosts rows={2} />}
      <ul class="rows">
        {sessions.value?.items.map((one) => (
          <li key={one.id}>
            <div title={one.agent}>
              <b><bdi>{browser(one.agent)}</bdi></b>
              <small>Signed in <When at={one.created_at} />, last seen <When at={one.seen_at} /></small>
            </div>
            {one.present ? (
              <span class="badge good">This browser</span>
            ) : (
              <button type="button" class="plain small" disabled={doing.busy} onClick={() => void end(one.id)}>Sign out</button>
            )}
          </li>
        ))}
      </ul>
    </Part>
  );
}
