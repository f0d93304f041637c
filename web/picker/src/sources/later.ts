/** A source whose code is loaded when it is first shown: most pages never need it. */

import { createElement, type ComponentChildren } from "preact";
import type { App } from "../app.js";
import { Emitter } from "../emitter.js";
import type { Carrier } from "../transfers/queue.js";
import type { IconName } from "../views/icons.js";
import { Skeleton } from "../views/list.js";
import { NotLoaded } from "../views/notice.js";
import type { Source } from "./source.js";

export interface LaterAbout {
  name: string;
  label: string;
  icon: IconName;
  load: () => Promise<Source>;
}

export class Later extends Emitter implements Source {
  readonly name: string;
  readonly label: string;
  readonly icon: IconName;
  readonly account = undefined;
  readonly browsing = true;
  readonly #app: App;
  readonly #load: () => Promise<Source>;
  #source: Source | undefined;
  #loading = false;
  #failed = false;

  constructor(app: App, { name, label, icon, load }: LaterAbout) {
    super();
    this.#app = app;
    this.name = name;
    this.label = label;
    this.icon = icon;
    this.#load = load;
  }

  /** Only asked for items of this source, so it has been loaded. */
  get carrier(): Carrier {
    if (!this.#source) throw new Error(`${this.name} is not loaded`);
    return this.#source.carrier;
  }

  begin(): void {
    if (this.#source) this.#source.begin();
    else if (!this.#loading) void this.#fetch();
  }

  async #fetch(): Promise<void> {
    [this.#loading, this.#failed] = [true, false];
    this.changed();
    try {
      this.#source = await this.#load();
      this.#source.begin();
    } catch {
      this.#failed = true;
    }
    this.#loading = false;
    this.changed();
  }

  view(): ComponentChildren {
    const { words } = this.#app;
    if (this.#failed) return createElement(NotLoaded, { words, again: () => this.begin() });
    return this.#source?.view() ?? createElement(Skeleton, { label: words.t("Loading") });
  }

  end(): void {
    this.#source?.end();
  }
}
