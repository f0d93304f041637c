/** An address without a page. */

import { Page } from "../parts/page.js";
import { HOME } from "../router.js";

export function Missing() {
  return (
    <Page title="There is no such page" intro="The address may be cut, or what it named is gone.">
      <p><a href={HOME}>To the applications</a></p>
    </Page>
  );
}
