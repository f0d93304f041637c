/** What was changed on an application, and by whom. */

import type { LoggedChange } from "../api/shapes.js";
import { plainName } from "../format.js";
import { usePaged } from "../paging.js";
import { Empty } from "../parts/notice.js";
import { Page } from "../parts/page.js";
import { PagedTable } from "../parts/table.js";
import { When } from "../parts/when.js";
import { useApplication } from "../session.js";

export function Log() {
  const { application } = useApplication();
  const path = `/applications/${application.apikey}/log`;
  const paged = usePaged<LoggedChange>(path, (one) => one.id);
  return (
    <Page title="Changes" intro="Who changed what, the newest first. Secrets are never in it." calls={[{ path }]} wide>
      <PagedTable
        label="Changes"
        still
        paged={paged}
        name={(one) => one.id}
        columns={[
          { name: "Time", cell: (one) => <When at={one.at} /> },
          { name: "Who", kind: "name", cell: (one) => <bdi>{plainName(one.actor)}</bdi> },
          { name: "What", kind: "name", cell: (one) => one.action },
          { name: "Of", kind: "name", wide: true, cell: (one) => <bdi>{plainName(one.subject)}</bdi> },
          { name: "Detail", kind: "name", wide: true, cell: (one) => <bdi>{plainName(one.detail)}</bdi> },
        ]}
        empty={<Empty title="No change yet" icon="clock"><p>Each change of a setting, a webhook, a member or a token is written here.</p></Empty>}
      />
    </Page>
  );
}
