/** Who works on an application: roles, invitations, who leaves. */

import { useState } from "preact/hooks";
import { ask, get } from "../api/client.js";
import type { Invitation, Member, Role } from "../api/shapes.js";
import { plainName } from "../format.js";
import { useDoing, useLoaded } from "../loading.js";
import { Once, Question } from "../parts/ask.js";
import { Act, Choice, Field, Form } from "../parts/form.js";
import { Ghosts, RoleNote, Trouble } from "../parts/notice.js";
import { Page, Part } from "../parts/page.js";
import { When } from "../parts/when.js";
import { reason, useApplication, useKnown } from "../session.js";
import { ROLES } from "./credentials.js";

export function Members() {
  const { application } = useApplication();
  const base = `/applications/${application.apikey}`;
  const members = useLoaded(base, () => get<{ items: Member[] }>(`${base}/members`));
  const owner = !reason(application.role, "owner");
  return (
    <Page
      title="Members"
      intro="A viewer sees everything but secrets. A developer also changes settings and webhooks. An owner also manages members and tokens."
      calls={[{ path: `${base}/members` }, { method: "POST", path: `${base}/invitations`, body: { email: "grace@example.com", role: "developer" } }]}
    >
      <RoleNote needs="owner" what="invite people and change roles" />
      <Trouble text={members.trouble} again={() => void members.again()} />
      {!members.value && !members.trouble && <Ghosts rows={3} />}
      <ul class="rows" aria-label="Members">
        {members.value?.items.map((one) => <Row key={one.id} member={one} base={base} onChange={() => void members.again()} />)}
      </ul>
      <Part title="Invitations" intro="A link by which one person becomes a member. It is good for one use.">
        <Invite base={base} owner={owner} />
      </Part>
    </Page>
  );
}

function Row({ member, base, onChange }: { member: Member; base: string; onChange: () => void }) {
  const { application, set } = useApplication();
  const { session, reloadApplications } = useKnown();
  const [removing, setRemoving] = useState(false);
  const doing = useDoing();
  const why = reason(application.role, "owner");
  const self = member.email === session.account.email;
  const path = `${base}/members/${member.id}`;
  const change = (role: string) =>
    void doing.run(async () => {
      const now = await ask<Member>("PATCH", path, { role });
      if (self) set({ ...application, role: now.role });
      onChange();
    });
  const remove = () =>
    void doing.run(async () => {
      await ask("DELETE", path);
      setRemoving(false);
      if (self) await reloadApplications();
      onChange();
    });
  return (
    <li>
      <div>
        <b><bdi>{plainName(member.name) || member.email}</bdi></b>{self && <span class="faint"> (you)</span>}
        <small><bdi>{member.email}</bdi>, member since <When at={member.since} />{member.second_factor ? ", with a second factor" : ", no second factor"}</small>
        {!removing && <Trouble text={doing.trouble} />}
      </div>
      <div class="actions">
        <RoleChoice name={member.email} value={member.role} closed={!!why || doing.busy} why={why} onRole={change} />
        <Act needs="owner" kind="danger small" busy={doing.busy} onClick={() => setRemoving(true)}>Remove</Act>
      </div>
      {removing && (
        <Question title="Remove this member" yes="Remove" doing={doing} onYes={remove} onNo={() => { setRemoving(false); doing.clear(); }}>
          <p><b><bdi>{plainName(member.name) || member.email}</bdi></b> no longer sees this application. Tokens that they made stay.</p>
        </Question>
      )}
    </li>
  );
}

function RoleChoice({ name, value, closed, why, onRole }: { name: string; value: Role; closed: boolean; why: string; onRole: (role: string) => void }) {
  return (
    <Choice
      label={`Role of ${name}`}
      hidden
      value={value}
      disabled={closed}
      onValue={onRole}
      options={ROLES.map(([role]) => [role, role])}
      {...(why ? { title: why } : {})}
    />
  );
}

function Invite({ base, owner }: { base: string; owner: boolean }) {
  const invitations = useLoaded(`${base} ${owner}`, async () => (owner ? get<{ items: Invitation[] }>(`${base}/invitations`) : { items: [] }));
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("developer");
  const [made, setMade] = useState<{ email: string; url: string }>();
  const doing = useDoing();
  const invite = () =>
    void doing.run(async () => {
      setMade(await ask("POST", `${base}/invitations`, { email: email.trim(), role }));
      setEmail("");
      await invitations.again();
    });
  return (
    <>
      <Form doing={doing} onSubmit={invite} closed={!owner} label="Invite">
        <div class="two">
          <Field label="E-mail address" type="email" value={email} onValue={setEmail} required autocomplete="off" />
          <Choice label="Role" value={role} onValue={setRole} options={ROLES} />
        </div>
        <div class="actions"><Act needs="owner" kind="primary" submit busy={doing.busy}>Make the link</Act></div>
      </Form>
      <Trouble text={invitations.trouble} />
      <ul class="rows" aria-label="Open invitations">
        {invitations.value?.items.map((one) => <Open key={one.id} invitation={one} base={base} onChange={() => void invitations.again()} />)}
      </ul>
      {made && (
        <Once title="The link is made" lines={[{ name: `Link for ${made.email}`, text: made.url }]} onClose={() => setMade(undefined)}>
          <p>Send it yourself; the server sends no mail. <b>It is not shown again.</b></p>
        </Once>
      )}
    </>
  );
}

function Open({ invitation, base, onChange }: { invitation: Invitation; base: string; onChange: () => void }) {
  const doing = useDoing();
  const withdraw = () =>
    void doing.run(async () => {
      await ask("DELETE", `${base}/invitations/${invitation.id}`);
      onChange();
    });
  return (
    <li>
      <div>
        <b><bdi>{invitation.email}</bdi></b> {invitation.role}
        <small>Invited by <bdi>{invitation.invited_by}</bdi>, good until <When at={invitation.expires_at} /></small>
        <Trouble text={doing.trouble} />
      </div>
      <Act needs="owner" busy={doing.busy} onClick={withdraw}>Withdraw</Act>
    </li>
  );
}
