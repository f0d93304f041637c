/** What an application is. */

import { plainName } from "../format.js";
import { Id } from "../parts/copy.js";
import { Page } from "../parts/page.js";
import { useApplication } from "../session.js";

export function Overview() {
  const { application } = useApplication();
  return (
    <Page title={plainName(application.name)} calls={[{ path: `/applications/${application.apikey}` }]}>
      <p>API key <Id>{application.apikey}</Id></p>
    </Page>
  );
}
