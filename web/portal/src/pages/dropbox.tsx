/** The Dropbox app of an application: its key and secret, what to set in the App Console. */

import { useState } from "preact/hooks";
import { ask } from "../api/client.js";
import type { Application } from "../api/shapes.js";
import { useDoing } from "../loading.js";
import { Id, Line } from "../parts/copy.js";
import { Act, Field, Form } from "../parts/form.js";
import { RoleNote } from "../parts/notice.js";
import { Page, Part } from "../parts/page.js";
import { reason, useApplication } from "../session.js";

const CONSOLE = "https://www.dropbox.com/developers/apps";

const SCOPES: [scope: string, what: string][] = [
  ["account_info.read", "whose Dropbox it is; team spaces"],
  ["files.metadata.read", "listing and searching"],
  ["files.content.read", "copying files, thumbnails"],
  ["files.content.write", "only for saving files back into a Dropbox"],
];

export function Dropbox() {
  const { application } = useApplication();
  const path = `/applications/${application.apikey}`;
  return (
    <Page
      title="Dropbox"
      intro={<>People connect their Dropbox through an app that you register in the <a href={CONSOLE} target="_blank" rel="noopener noreferrer">App Console</a>: Scoped access, Full Dropbox. They read its name when they are asked for consent.</>}
      calls={[{ method: "PATCH", path, body: { dropbox_app: { key: "KEY", secret: "SECRET" } } }]}
    >
      <KeyAndSecret />
      <Redirects />
      <Part title="Permissions" intro="On the Permissions tab, tick these and press Submit. What is ticked later holds for people who connect after that.">
        <dl class="facts">
          {SCOPES.map(([scope, what]) => [<dt key={scope}><Id>{scope}</Id></dt>, <dd key={`${scope}-what`}>{what}</dd>])}
        </dl>
      </Part>
      <Production />
    </Page>
  );
}

function KeyAndSecret() {
  const { application, set } = useApplication();
  const [key, setKey] = useState(application.dropbox_app_key ?? "");
  const [secret, setSecret] = useState("");
  const [saved, setSaved] = useState(false);
  const doing = useDoing();
  const save = () =>
    doing.run(async () => {
      setSaved(false);
      set(await ask<Application>("PATCH", `/applications/${application.apikey}`, { dropbox_app: { key: key.trim(), secret: secret.trim() } }));
      setSecret("");
      setSaved(true);
    });
  return (
    <Part
      title="App key and secret"
      intro={application.dropbox_app_key ? <>The app <Id>{application.dropbox_app_key}</Id> is set. After a change to another app, people connect again.</> : "None is set: the application uses the Dropbox app of this server, if that has one."}
    >
      <RoleNote needs="developer" what="set the Dropbox app" />
      <Form doing={doing} onSubmit={() => void save()} closed={!!reason(application.role, "developer")} label="App key and secret">
        <Field label="App key" value={key} onValue={setKey} required autocomplete="off" spellcheck={false} />
        <Field label="App secret" type="password" value={secret} onValue={setSecret} required autocomplete="off" hint="Written only: it is sealed on the server and shown to nobody, you included." />
        <div class="actions">
          <Act needs="developer" kind="primary" submit busy={doing.busy}>Save</Act>
          <span class="said" role="status">{saved ? "Saved" : ""}</span>
        </div>
      </Form>
    </Part>
  );
}

function Redirects() {
  return (
    <Part title="Redirect URIs" intro="On the Settings tab, under OAuth 2, add both. Dropbox compares them to the letter.">
      {["open", "saveas"].map((end) => (
        <Line key={end} text={`${location.origin}/api/client/dropbox/authCallback/${end}`} name={`Redirect URI ${end}`} />
      ))}
      <p class="hint">They begin with the address under which this portal is open. On a server with a cname they begin with https://www. and the cname instead.</p>
    </Part>
  );
}

function Production() {
  return (
    <Part title="Going to production">
      <ul class="prose">
        <li>A new app is in development: you connect your own account, and after Enable additional users up to 500.</li>
        <li>When 50 people have connected, two weeks remain to apply for production. After that nobody new can connect.</li>
        <li>Press Apply for production on the Settings tab in time. Dropbox looks at name, icon, description, and whether the app asks for more than it needs.</li>
        <li>Leave Allow public clients as it is: the server uses the code flow with PKCE and the secret.</li>
      </ul>
    </Part>
  );
}
