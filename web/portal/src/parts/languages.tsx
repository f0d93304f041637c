/** The same code in several languages, one of them shown. */

import { useState } from "preact/hooks";
import { Code } from "./copy.js";

export interface Snippet {
  name: string;
  text: string;
}

/** `what` the code is of, for who hears the page. */
export function Languages({ what, all }: { what: string; all: Snippet[] }) {
  const [chosen, setChosen] = useState(all[0]?.name ?? "");
  const shown = all.find((one) => one.name === chosen);
  return (
    <>
      <div class="tabs" role="group" aria-label="Language">
        {all.map((one) => (
          <button key={one.name} type="button" class="plain small" aria-pressed={one.name === chosen} onClick={() => setChosen(one.name)}>{one.name}</button>
        ))}
      </div>
      {shown && <Code text={shown.text} name={`${what} in ${shown.name}`} />}
    </>
  );
}
