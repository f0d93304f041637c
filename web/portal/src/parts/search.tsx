/** One box that goes straight to what an id names: a file, a delivery, an event. */

import { useState } from "preact/hooks";
import { get, Refused } from "../api/client.js";
import { at, go } from "../router.js";

/** Which pages an id may be of, and the calls that know. */
function candidates(text: string): [page: string, id: string][] {
  const id = text.trim().replace(/^(dlv|evt)_/, "");
  if (/^[A-Za-z0-9]{20}$/.test(id) && !/^\d+$/.test(id)) return [["files", id]];
  if (!/^\d{1,18}$/.test(id)) return [];
  if (text.trim().startsWith("evt_")) return [["events", id]];
  return [["deliveries", id], ["events", id]];
}

export function Search({ apikey }: { apikey: string }) {
  const [text, setText] = useState("");
  const [said, setSaid] = useState("");
  const find = async () => {
    const all = candidates(text);
    if (all.length === 0) {
      setSaid(text.trim() ? "Write a handle, or the id of a delivery or an event." : "");
      return;
    }
    for (const [page, id] of all) {
      try {
        await get(`/applications/${apikey}/${page}/${id}`);
        setText("");
        setSaid("");
        go(at(apikey, page, id));
        return;
      } catch (error) {
        if (error instanceof Refused && error.status === 404) continue;
        setSaid(error instanceof Refused ? error.message : "That did not work.");
        return;
      }
    }
    setSaid("Nothing in this application has this id.");
  };
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        void find();
      }}
    >
      <input type="search" aria-label="Go to a handle or id" placeholder="Handle or id" value={text} onInput={(event) => {
        setText(event.currentTarget.value);
        setSaid("");
      }} />
      <p class="hint" role="status">{said}</p>
    </form>
  );
}
