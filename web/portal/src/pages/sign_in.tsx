/** Signing in: e-mail address and password, then the code where a second factor is on. */

import { useEffect, useState } from "preact/hooks";
import { knock, Refused } from "../api/client.js";
import type { Session } from "../api/shapes.js";
import { useDoing } from "../loading.js";
import { Field, Form } from "../parts/form.js";
import { Page } from "../parts/page.js";
import { go } from "../router.js";

/** The fields, also used where somebody accepts an invitation with the account they have. */
export function SignInForm({ onSession, email: known = "" }: { onSession: (session: Session) => void; email?: string }) {
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [second, setSecond] = useState(false);
  const doing = useDoing();
  const submit = () =>
    doing.run(async () => {
      try {
        onSession(await knock<Session>("POST", "/session", { email, password, ...(second ? { code: code.trim() } : {}) }));
      } catch (error) {
        if (!(error instanceof Refused) || error.code !== "code-needed") throw error;
        setSecond(true);
      }
    });
  return (
    <Form doing={doing} onSubmit={() => void submit()} label="Sign in">
      {second ? (
        <Field label="Code" hint="From your authenticator app, or one of your recovery codes." value={code} onValue={setCode} autocomplete="one-time-code" required autoFocus />
      ) : (
        <>
          <Field label="E-mail address" type="email" value={email} onValue={setEmail} autocomplete="username" required />
          <Field label="Password" type="password" value={password} onValue={setPassword} autocomplete="current-password" required />
        </>
      )}
      <div class="actions">
        <button type="submit" class="primary" disabled={doing.busy}>Sign in</button>
        {second && <button type="button" class="quiet" onClick={() => { setSecond(false); doing.clear(); }}>Back</button>}
      </div>
    </Form>
  );
}

export function SignIn({ signedIn, onSession, back }: { signedIn: boolean; onSession: (session: Session) => void; back: string }) {
  // Also for who comes here signed in already.
  useEffect(() => {
    if (signedIn) go(back, true);
  }, [signedIn, back]);
  return (
    <main class="alone">
      <p class="brand">Longshore</p>
      <Page title="Sign in">
        <SignInForm onSession={onSession} />
        <p class="aside">Accounts are made by invitation: ask an owner of the application, or whoever runs this server, for a link.</p>
      </Page>
    </main>
  );
}
