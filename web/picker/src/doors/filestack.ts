/**
 * The door for the unmodified filestack-js: its loader puts this file into the page as a classic
 * script and takes the constructor from a slot. The picker itself is a module beside this file
 * and is fetched when a picker is made, relative to this file's own address, so that it works
 * from any host and below any path.
 */

import type { Picker as RealPicker } from "../picker.js";
import { widgetBeside } from "./beside.js";

/** What filestack-js hands over: its client, as far as the picker uses it. */
interface Client {
  session: {
    apikey: string;
    urls: { cloudApiUrl: string };
    policy?: string;
    signature?: string;
  };
  cloud?: { token?: string };
}

const widget = widgetBeside();

/** The constructor in the loader's slot. Its calls wait for the real picker. */
class Picker {
  readonly #real: Promise<RealPicker>;

  constructor(client: Client, options: Record<string, unknown> = {}) {
    this.#real = widget().then(({ Picker, keptToken }) => {
      const { apikey, urls, policy, signature } = client.session;
      const kept = keptToken(apikey);
      return new Picker({
        apikey,
        url: urls.cloudApiUrl,
        security: policy && signature ? { policy, signature } : undefined,
        token: {
          // The client's own calls (logout, for one) are about the same session.
          get: () => client.cloud?.token ?? kept.get(),
          set: (token) => {
            kept.set(token);
            if (client.cloud) client.cloud.token = token as string;
          },
        },
      }, options);
    });
    // A failure is told to whoever calls, and not besides.
    this.#real.catch(() => undefined);
  }

  async open(): Promise<void> {
    await (await this.#real).open();
  }

  async close(): Promise<void> {
    await (await this.#real).close();
  }

  async cancel(): Promise<void> {
    await (await this.#real).cancel();
  }

  async crop(): Promise<void> {
    await (await this.#real).crop();
  }
}

interface Internals {
  modules?: Record<string, unknown>;
}

const page = window as Window & { filestackInternals?: Internals };
page.filestackInternals ??= {};
page.filestackInternals.modules ??= {};
page.filestackInternals.modules["fs-loader-picker"] = { instance: Picker, metadata: { version: __VERSION__ } };
