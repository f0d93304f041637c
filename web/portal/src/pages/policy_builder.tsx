/** Makes a policy and its signature in the browser, and shows the code that makes them. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { Code, Line } from "../parts/copy.js";
import { Field, Tick } from "../parts/form.js";
import { Languages } from "../parts/languages.js";
import { Part } from "../parts/page.js";
import { CALLS, encoded, policyOf, signed, type Wish } from "../policy/policy.js";
import { snippets } from "../policy/snippets.js";

const DAY_MS = 24 * 3600 * 1000;

/** A time as a field for day and time writes it, in the reader's zone. */
function local(time: number): string {
  const date = new Date(time);
  return new Date(time - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

interface Written {
  until: string;
  calls: string[];
  handle: string;
  path: string;
  container: string;
  maxSize: string;
}

function wishOf(written: Written): Wish {
  const expiry = Math.floor(new Date(written.until).getTime() / 1000);
  const maxSize = Number(written.maxSize);
  return {
    expiry: Number.isFinite(expiry) ? expiry : 0,
    calls: CALLS.filter((call) => written.calls.includes(call)),
    handle: written.handle.trim(),
    path: written.path,
    container: written.container,
    ...(written.maxSize && Number.isSafeInteger(maxSize) ? { maxSize } : {}),
  };
}

export function PolicyBuilder() {
  const [written, setWritten] = useState<Written>(() => ({ until: local(Date.now() + DAY_MS), calls: ["pick", "store"], handle: "", path: "", container: "", maxSize: "" }));
  const set = (part: Partial<Written>) => setWritten({ ...written, ...part });
  const policy = useMemo(() => policyOf(wishOf(written)), [written]);
  return (
    <Part title="Policy builder" intro="A policy says what a call may do, and until when. It is made here, in your browser: the secret that you type is sent to no one.">
      <div class="ticks" role="group" aria-label="Calls that the policy allows">
        {CALLS.map((call) => (
          <Tick key={call} label={call} checked={written.calls.includes(call)} onChecked={(on) => set({ calls: on ? [...written.calls, call] : written.calls.filter((one) => one !== call) })} />
        ))}
      </div>
      {written.calls.length === 0 && <p class="hint">Nothing is ticked: the policy allows every call but exif.</p>}
      <div class="two">
        <Field label="Good until" type="datetime-local" value={written.until} onValue={(until) => set({ until })} />
        <Field label="Handle" value={written.handle} onValue={(handle) => set({ handle })} hint="Empty: every file." spellcheck={false} autocomplete="off" />
        <Field label="Path, a regular expression" value={written.path} onValue={(path) => set({ path })} spellcheck={false} autocomplete="off" />
        <Field label="Container, a regular expression" value={written.container} onValue={(container) => set({ container })} spellcheck={false} autocomplete="off" />
        <Field label="Largest file, in bytes" type="number" min={0} value={written.maxSize} onValue={(maxSize) => set({ maxSize })} />
      </div>
      <Made policy={policy} />
      <Languages what="The policy" all={snippets(policy)} />
    </Part>
  );
}

function Made({ policy }: { policy: Record<string, unknown> }) {
  const [secret, setSecret] = useState("");
  const [signature, setSignature] = useState("");
  const text = encoded(policy);
  const able = "subtle" in crypto;
  useEffect(() => {
    let stale = false;
    setSignature("");
    if (secret && able) {
      void signed(text, secret).then((made) => {
        if (!stale) setSignature(made);
      });
    }
    return () => {
      stale = true;
    };
  }, [text, secret, able]);
  return (
    <>
      <Field label="Secret of the application" type="password" value={secret} onValue={setSecret} autocomplete="off" hint={able ? "Stays in this page. It is forgotten when you leave." : "Browsers sign on pages with https alone. Take the code below."} disabled={!able} />
      <p class="label">Policy</p>
      <Code text={JSON.stringify(policy)} name="Policy as JSON" />
      <Line text={text} name="Policy in base64" />
      <p class="label">Signature</p>
      {signature ? <Line text={signature} name="Signature" /> : <p class="hint">Type the secret to see it.</p>}
    </>
  );
}
