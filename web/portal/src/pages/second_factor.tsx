/** The second factor: set up with an authenticator app, recovery codes, switched off. */

import { useState } from "preact/hooks";
import { ask } from "../api/client.js";
import { useDoing } from "../loading.js";
import { Code, Line } from "../parts/copy.js";
import { Field, Form } from "../parts/form.js";
import { Part } from "../parts/page.js";
import { Window } from "../parts/ask.js";
import { Qr } from "../parts/qr.js";
import { useKnown } from "../session.js";

interface Offer {
  secret: string;
  url: string;
}

export function SecondFactor() {
  const { session, setSession } = useKnown();
  const on = session.account.second_factor;
  const [offer, setOffer] = useState<Offer>();
  const [codes, setCodes] = useState<string[]>();
  const say = (second_factor: boolean) => setSession({ ...session, account: { ...session.account, second_factor } });
  return (
    <Part title="Second factor" intro={on ? "On. Signing in takes a code of your authenticator app." : "Off. With it, a password alone opens nothing."}>
      {on && <Prove label="Switch it off" kind="plain" path="/account/second-factor/withdraw" onDone={() => say(false)} />}
      {!on && !offer && <Prove label="Set it up" kind="primary" path="/account/second-factor" onDone={setOffer} />}
      {!on && offer && (
        <Confirm
          offer={offer}
          onCodes={(list) => {
            setOffer(undefined);
            setCodes(list);
            say(true);
          }}
        />
      )}
      {codes && <Recovery codes={codes} onClose={() => setCodes(undefined)} />}
    </Part>
  );
}

/** The password once more, before the second factor changes. */
function Prove({ label, kind, path, onDone }: { label: string; kind: string; path: string; onDone: (answer: Offer) => void }) {
  const [password, setPassword] = useState("");
  const doing = useDoing();
  const send = () =>
    doing.run(async () => {
      const answer = await ask<Offer>("POST", path, { password });
      setPassword("");
      onDone(answer);
    });
  return (
    <Form doing={doing} onSubmit={() => void send()} label={label}>
      <Field label="Your password" type="password" value={password} onValue={setPassword} autocomplete="current-password" required />
      <div class="actions"><button type="submit" class={kind} disabled={doing.busy}>{label}</button></div>
    </Form>
  );
}

function Confirm({ offer, onCodes }: { offer: Offer; onCodes: (codes: string[]) => void }) {
  const [code, setCode] = useState("");
  const doing = useDoing();
  const send = () =>
    doing.run(async () => {
      const { recovery_codes } = await ask<{ recovery_codes: string[] }>("POST", "/account/second-factor/confirm", { code: code.trim() });
      onCodes(recovery_codes);
    });
  return (
    <div class="pair">
      <Qr text={offer.url} name="QR code for an authenticator app" />
      <div>
        <p>Scan this with an authenticator app, or type the secret into it:</p>
        <Line text={offer.secret} name="Secret for the authenticator app" />
        <Form doing={doing} onSubmit={() => void send()} label="Confirm">
          <Field label="Code that the app shows" value={code} onValue={setCode} inputMode="numeric" autocomplete="one-time-code" required />
          <div class="actions"><button type="submit" class="primary" disabled={doing.busy}>Switch it on</button></div>
        </Form>
      </div>
    </div>
  );
}

function Recovery({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  return (
    <Window title="Recovery codes" onClose={onClose} firm>
      <p>Each signs you in once when the app is out of reach. They are not shown again: keep them where your password is not.</p>
      <Code text={codes.join("\n")} name="Recovery codes" />
      <div class="actions end"><button type="button" class="primary" onClick={onClose}>I have kept them</button></div>
    </Window>
  );
}
