/** An address of the web as a source: the server fetches it; the page only names it. */

import type { App } from "../../app.js";
import { typeOfEnding } from "../../accept.js";
import { Emitter } from "../../emitter.js";
import { storeOf } from "../../options.js";
import { asRefusal, type Refusal } from "../../server/server.js";
import { LinkCopies } from "../../transfers/link_copy.js";
import { loadReasons } from "../../views/reasons.js";
import { kindPicture } from "../kind.js";
import { obstacleOf } from "../obstacle.js";
import { tagsOf } from "../tags.js";
import type { Item, Source } from "../source.js";
import { linkView } from "./view.js";

/** What the server says of an address, as far as it knows it. */
interface About {
  filename?: string;
  mimetype?: string;
  size?: number;
}

export class Link extends Emitter implements Source {
  readonly name = "url";
  readonly label: string;
  readonly icon = "link";
  readonly browsing = true;
  readonly account = undefined;
  readonly carrier: LinkCopies;
  readonly app: App;
  text = "";
  looking = false;
  why: Refusal | undefined;
  #under = new AbortController();

  constructor(app: App) {
    super();
    this.app = app;
    this.label = app.words.t("Link (URL)");
    this.carrier = new LinkCopies(app.server, { store: storeOf(app.settings), tags: tagsOf(app.settings) });
  }

  begin(): void {
    // There is nothing to load.
  }

  end(): void {
    this.#under.abort();
  }

  view() {
    return linkView(this);
  }

  type(text: string): void {
    this.text = text;
    this.why = undefined;
    this.changed();
  }

  /** Asks the server what lies at the address, and chooses it. */
  async look(): Promise<void> {
    const { app } = this;
    const url = addressOf(this.text);
    if (!url) {
      app.tell(app.words.t("This is not the address of a file"));
      return;
    }
    this.#under.abort();
    this.#under = new AbortController();
    const { signal } = this.#under;
    this.looking = true;
    this.why = undefined;
    this.changed();
    try {
      const about = await app.server.post<About>("/metadata", { url }, { signal });
      const item = this.#item(url, about);
      await app.take(item);
      if (app.selection.has(item.key)) {
        this.text = "";
        // Who has gone elsewhere meanwhile stays there.
        if (app.source.name === this.name && app.screen === "source") app.go("selected");
      }
    } catch (error) {
      await loadReasons();
      if (!signal.aborted) this.why = asRefusal(error);
    }
    if (signal.aborted) return;
    this.looking = false;
    this.changed();
  }

  #item(url: string, about: About): Item {
    const name = about.filename || nameOf(url);
    const mimetype = about.mimetype || (typeOfEnding(name) ?? "application/octet-stream");
    const item: Item = {
      key: `url:${url}`,
      source: this.name,
      name,
      path: url,
      folder: false,
      mimetype,
      bytes: about.size ?? 0,
      thumbnail: kindPicture(this.app.server, name, mimetype),
      pictured: false,
    };
    return { ...item, obstacle: obstacleOf(item, this.app) };
  }
}

/** The address that somebody typed; `example.org/a.jpg` is taken for one of https. */
export function addressOf(text: string): string | undefined {
  const trimmed = text.trim();
  const whole = /^[a-z][a-z0-9+.-]*:/i.test(trimmed) && !/^[^/]*:\d/.test(trimmed) ? trimmed : `https://${trimmed}`;
  try {
    const url = new URL(whole);
    const named = url.hostname.includes(".") || url.hostname === "localhost" || url.hostname.startsWith("[");
    return /^https?:$/.test(url.protocol) && named ? url.href : undefined;
  } catch {
    return undefined;
  }
}

function nameOf(url: string): string {
  const { pathname, hostname } = new URL(url);
  const last = pathname.split("/").filter(Boolean).at(-1);
  if (!last) return hostname;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
