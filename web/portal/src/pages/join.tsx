/**
 * Following an invitation, `/portal/join#TOKEN`. What stands after the hash is sent to no server
 * and written into no log; it goes out in the body of a call alone.
 */

import { useEffect, useState } from "preact/hooks";
import { ask, knock } from "../api/client.js";
import type { Invited, Session } from "../api/shapes.js";
import { plainName } from "../format.js";
import { useDoing, useLoaded } from "../loading.js";
import { Field, Form } from "../parts/form.js";
import { Ghosts, Trouble } from "../parts/notice.js";
import { Page } from "../parts/page.js";
import { When } from "../parts/when.js";
import { HOME, at, go } from "../router.js";
import { SignInForm } from "./sign_in.js";

export function Join({ session, onSession }: { session: Session | null; onSession: (session: Session) => void }) {
  const [token, setToken] = useState(() => location.hash.slice(1));
  useEffect(() => {
    const changed = () => setToken(location.hash.slice(1));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const invited = useLoaded(token, () => knock<Invited>("POST", "/invitations/look", { invitation: token }));
  return (
    <main class="alone">
      <p class="brand">Longshore</p>
      <Page title="Join">
        {invited.trouble && (
          <>
            <Trouble text={token ? invited.trouble : "The link is not complete. Open it again as it was given to you."} />
            <p><a href={HOME}>To the portal</a></p>
          </>
        )}
        {!invited.value && !invited.trouble && <Ghosts rows={3} />}
        {invited.value && <Invitation invited={invited.value} token={token} session={session} onSession={onSession} />}
      </Page>
    </main>
  );
}

function Offer({ invited }: { invited: Invited }) {
  return (
    <p class="intro">
      {invited.application === null ? (
        <>This link makes an account on this server that may make applications.</>
      ) : (
        <><bdi>{invited.invited_by ?? "Somebody"}</bdi> invites {invited.email ? <b>{invited.email}</b> : "you"} to <b><bdi>{plainName(invited.application)}</bdi></b> as {invited.role}.</>
      )}{" "}
      It is good until <When at={invited.expires_at} />.
    </p>
  );
}

function Invitation({ invited, token, session, onSession }: { invited: Invited; token: string; session: Session | null; onSession: (session: Session) => void }) {
  const [has, setHas] = useState(false);
  return (
    <>
      <Offer invited={invited} />
      {session ? (
        <Accept token={token} session={session} />
      ) : has ? (
        <SignInForm onSession={onSession} email={invited.email} />
      ) : (
        <NewAccount invited={invited} token={token} onSession={onSession} />
      )}
      {!session && (
        <button type="button" class="quiet small" onClick={() => setHas(!has)}>
          {has ? "Make a new account" : "I have an account here"}
        </button>
      )}
    </>
  );
}

function Accept({ token, session }: { token: string; session: Session }) {
  const doing = useDoing();
  const accept = () =>
    doing.run(async () => {
      const { apikey } = await ask<{ apikey: string | null }>("POST", "/invitations/accept", { invitation: token });
      go(apikey ? at(apikey) : HOME, true);
    });
  return (
    <Form doing={doing} onSubmit={() => void accept()} label="Accept">
      <p>You are signed in as <b><bdi>{session.account.email}</bdi></b>.</p>
      <div class="actions"><button type="submit" class="primary" disabled={doing.busy}>Accept</button></div>
    </Form>
  );
}

function NewAccount({ invited, token, onSession }: { invited: Invited; token: string; onSession: (session: Session) => void }) {
  const [email, setEmail] = useState(invited.email);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const doing = useDoing();
  const join = () =>
    doing.run(async () => {
      const session = await knock<Session>("POST", "/accounts", { invitation: token, email, name, password });
      // The page is left before it looks the used link up again.
      go(HOME, true);
      onSession(session);
    });
  return (
    <Form doing={doing} onSubmit={() => void join()} label="Make an account">
      <Field label="E-mail address" type="email" value={email} onValue={setEmail} autocomplete="username" required readOnly={invited.email !== ""} />
      <Field label="Name" value={name} onValue={setName} autocomplete="name" hint="How other members see you. May stay empty." />
      <Field label="Password" type="password" value={password} onValue={setPassword} autocomplete="new-password" required minLength={10} hint="10 characters or more. A few random words are good." />
      <div class="actions"><button type="submit" class="primary" disabled={doing.busy}>Make the account</button></div>
    </Form>
  );
}
