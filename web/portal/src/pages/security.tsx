/** Who may use the application: the security switch, the origins, and policies to try. */

import { useState } from "preact/hooks";
import { ask } from "../api/client.js";
import type { Application } from "../api/shapes.js";
import { useDoing } from "../loading.js";
import { Act, Form, Tick } from "../parts/form.js";
import { RoleNote } from "../parts/notice.js";
import { Page } from "../parts/page.js";
import { reason, useApplication } from "../session.js";
import { PolicyBuilder } from "./policy_builder.js";

export function Security() {
  const { application } = useApplication();
  const path = `/applications/${application.apikey}`;
  return (
    <Page title="Security" calls={[{ method: "PATCH", path, body: { security: true, allowed_origins: ["https://shop.example.com"] } }]}>
      <RoleNote needs="developer" what="change these settings" />
      <Settings />
      <PolicyBuilder />
    </Page>
  );
}

function Settings() {
  const { application, set } = useApplication();
  const [security, setSecurity] = useState(application.security);
  const [origins, setOrigins] = useState(application.allowed_origins.join("\n"));
  const [saved, setSaved] = useState(false);
  const doing = useDoing();
  const closed = !!reason(application.role, "developer");
  const save = () =>
    doing.run(async () => {
      setSaved(false);
      const allowed_origins = origins.split(/\s+/).filter(Boolean);
      const now = await ask<Application>("PATCH", `/applications/${application.apikey}`, { security, allowed_origins });
      set(now);
      setOrigins(now.allowed_origins.join("\n"));
      setSaved(true);
    });
  return (
    <Form doing={doing} onSubmit={() => void save()} closed={closed} label="Security settings">
      <Tick label="Require a policy" hint="Uploads and reads need a policy that your server has signed. Without it whoever knows the API key can upload." checked={security} disabled={closed} onChecked={setSecurity} />
      <div class="field">
        <label for="origins">Allowed origins, one a line</label>
        <textarea id="origins" value={origins} disabled={closed} placeholder="https://shop.example.com" spellcheck={false} aria-describedby="origins-hint" onInput={(event) => setOrigins(event.currentTarget.value)} />
        <p class="hint" id="origins-hint">Pages of these origins may use the picker. Empty: all may.</p>
      </div>
      <div class="actions">
        <Act needs="developer" kind="primary" submit busy={doing.busy}>Save</Act>
        <span class="said" role="status">{saved ? "Saved" : ""}</span>
      </div>
    </Form>
  );
}

