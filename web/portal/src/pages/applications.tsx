/** The applications that somebody reaches, and a new one. */

import { useState } from "preact/hooks";
import { ask } from "../api/client.js";
import type { Application } from "../api/shapes.js";
import { plainName } from "../format.js";
import { useDoing } from "../loading.js";
import { Once } from "../parts/ask.js";
import { Field, Form } from "../parts/form.js";
import { Id } from "../parts/copy.js";
import { Empty, Ghosts } from "../parts/notice.js";
import { Page } from "../parts/page.js";
import { HOME, at, go } from "../router.js";
import { useKnown } from "../session.js";

export function Applications() {
  const { applications, session } = useKnown();
  const operator = session.account.operator;
  return (
    <Page title="Applications" calls={[{ path: "/applications" }]} actions={operator && <a class="primary" href={`${HOME}/new`}>New application</a>} wide>
      {!applications && <Ghosts />}
      {applications?.length === 0 && (
        <Empty title="No application yet" icon="window">
          <p>An application is one product of yours that picks files: it has an API key, its own Dropbox app and its webhooks.</p>
          {operator ? <a class="primary" href={`${HOME}/new`}>Make the first one</a> : <p>Operators of this server make them. An owner of one can invite you.</p>}
        </Empty>
      )}
      {applications && applications.length > 0 && <Table applications={applications} />}
    </Page>
  );
}

function Table({ applications }: { applications: Application[] }) {
  return (
    <div class="scroll">
      <table>
        <thead><tr><th>Name</th><th class="wide-only">API key</th><th class="wide-only">Dropbox app</th><th class="wide-only">Security</th><th>Your role</th></tr></thead>
        <tbody>
          {applications.map((one) => (
            <tr key={one.apikey}>
              <td class="name"><a href={at(one.apikey)} data-row><bdi>{plainName(one.name)}</bdi></a></td>
              <td class="wide-only"><Id>{one.apikey}</Id></td>
              <td class="wide-only">{one.dropbox_app_key ? <Id>{one.dropbox_app_key}</Id> : <span class="faint">the server's</span>}</td>
              <td class="wide-only">{one.security ? "on" : <span class="faint">off</span>}</td>
              <td>{one.role}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function NewApplication() {
  const { reloadApplications, session } = useKnown();
  const [name, setName] = useState("");
  const [made, setMade] = useState<Application & { secret: string }>();
  const doing = useDoing();
  const operator = session.account.operator;
  const make = () =>
    doing.run(async () => {
      setMade(await ask("POST", "/applications", { name }));
      await reloadApplications();
    });
  return (
    <Page title="New application" calls={[{ method: "POST", path: "/applications", body: { name: name || "My shop" } }]}>
      {!operator && <p class="note">Applications are made by operators of this server. Ask whoever runs it, or take an invitation to one that is there.</p>}
      <Form doing={doing} onSubmit={() => void make()} closed={!operator} label="New application">
        <Field label="Name" value={name} onValue={setName} required maxLength={200} hint="For you and the other members. It can be changed later." autoFocus={operator} />
        <div class="actions"><button type="submit" class="primary" disabled={doing.busy}>Make the application</button></div>
      </Form>
      {made && (
        <Once title="The application is made" lines={[{ name: "API key", text: made.apikey }, { name: "Secret", text: made.secret }]} onClose={() => go(at(made.apikey))}>
          <p>The API key is public and stands in your pages. The secret signs policies on your server; <b>it is not shown again</b>.</p>
        </Once>
      )}
    </Page>
  );
}
