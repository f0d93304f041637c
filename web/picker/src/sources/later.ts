/** A source whose code is loaded when it is first shown, or ahead: the first screen needs it not. */

import { createElement, type ComponentChildren } from "preact";
import type { App } from "../app.js";
import { Emitter } from "../emitter.js";
import type { Carrier } from "../transfers/queue.js";
import type { IconName } from "../views/icons.js";
import { Skeleton } from "../views/list.js";
import { NotLoaded } from "../views/notice.js";
import type { Source } from "./source.js";

export interface LaterAbout<Kind> {
  name: string;
  label: string;
  icon: IconName;
  /** The source, where its code is there already. */
  now?: () => Kind | undefined;
  load: () => Promise<Kind>;
}

export class Later<Kind extends Source = Source> extends Emitter implements Source {
  readonly name: string;
  readonly label: string;
  readonly icon: IconName;
  readonly account = undefined;
  readonly browsing = true;
  /** The source itself, once it is there. */
  source: Kind | undefined;
  readonly #app: App;
  readonly #load: () => Promise<Kind>;
  #loading: Promise<Kind> | undefined;
  #failed = false;

  constructor(app: App, { name, label, icon, now, load }: LaterAbout<Kind>) {
    super();
    this.#app = app;
    this.name = name;
    this.label = label;
    this.icon = icon;
    this.source = now?.();
    this.#load = load;
  }

  /** Only asked for items of this source, so it has been loaded. */
  get carrier(): Carrier {
    if (!this.source) throw new Error(`${this.name} is not loaded`);
    return this.source.carrier;
  }

  begin(): void {
    if (this.source) this.source.begin();
    else this.ready().then((source) => source.begin(), () => undefined);
  }

  /** The source as soon as it is there. Rejects when it cannot be loaded; the next call tries again. */
  async ready(): Promise<Kind> {
    if (this.source) return this.source;
    this.#failed = false;
    this.#loading ??= this.#load();
    try {
      // Whoever asks while it is on its way gets the same one.
      this.source ??= await this.#loading;
      return this.source;
    } catch (error) {
      this.#failed = true;
      throw error;
    } finally {
      this.#loading = undefined;
      this.changed();
    }
  }

  view(): ComponentChildren {
    const { words } = this.#app;
    if (this.#failed) return createElement(NotLoaded, { words, again: () => this.begin() });
    return this.source?.view() ?? createElement(Skeleton, { label: words.t("Loading") });
  }

  end(): void {
    this.source?.end();
  }
}
