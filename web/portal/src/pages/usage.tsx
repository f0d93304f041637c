/** Figures of an application over a time. */

import { get } from "../api/client.js";
import type { Usage as Shape } from "../api/shapes.js";
import { exact, formats } from "../format.js";
import { useLoaded } from "../loading.js";
import { Ghosts, Trouble } from "../parts/notice.js";
import { Page, Part } from "../parts/page.js";
import { filter, type Place } from "../router.js";
import { useApplication } from "../session.js";

const DAY_MS = 24 * 3600 * 1000;
const SPANS: [days: number, name: string][] = [[1, "24 hours"], [7, "7 days"], [30, "30 days"]];

export function Usage({ here }: { here: Place }) {
  const { application } = useApplication();
  const wanted = Number(here.search.get("days"));
  const days = SPANS.some(([one]) => one === wanted) ? wanted : 30;
  const path = `/applications/${application.apikey}/usage`;
  const usage = useLoaded(`${path} ${days}`, () => get<Shape>(`${path}?since=${Date.now() - days * DAY_MS}`));
  return (
    <Page title="Usage" calls={[{ path: `${path}?since=MILLISECONDS` }]}>
      <div class="tabs" role="group" aria-label="How far back">
        {SPANS.map(([one, name]) => (
          <button key={one} type="button" class="plain small" aria-pressed={one === days} onClick={() => filter({ days: String(one) })}>{name}</button>
        ))}
      </div>
      <Trouble text={usage.trouble} again={() => void usage.again()} />
      {!usage.value && !usage.trouble && <Ghosts />}
      {usage.value && <Figures usage={usage.value} />}
    </Page>
  );
}

function Figures({ usage }: { usage: Shape }) {
  return (
    <>
      <p class="hint">From {exact(usage.since)} to {exact(usage.until)}. Each figure counts the newest 100,000 at most.</p>
      <Part title="Files">
        <dl class="figures">
          <div><dt>Stored</dt><dd>{usage.files.more && "more than "}{formats.number(usage.files.count)}</dd></div>
          <div><dt>Bytes</dt><dd>{usage.files.more && "more than "}{formats.size(usage.files.bytes)}</dd></div>
        </dl>
      </Part>
      <Counts title="Events" counts={usage.events} none="Nothing happened in this time." />
      <Counts title="Deliveries" counts={usage.deliveries} none="Nothing was told to a webhook in this time." />
    </>
  );
}

function Counts({ title, counts, none }: { title: string; counts: Record<string, number>; none: string }) {
  const all = Object.entries(counts);
  return (
    <Part title={title}>
      {all.length === 0 && <p class="intro">{none}</p>}
      {all.length > 0 && (
        <dl class="figures">
          {all.map(([name, count]) => <div key={name}><dt>{name}</dt><dd>{formats.number(count)}</dd></div>)}
        </dl>
      )}
    </Part>
  );
}
