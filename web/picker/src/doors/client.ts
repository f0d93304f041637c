/**
 * `init(KEY, {url})` and what it answers: the same for the script and for the npm package, which
 * differ in how they get at the widget. Does nothing where there is no page.
 */

import type { PickerHandle, PickerOptions } from "../options.js";
import type { PickResult } from "../result.js";
import type { Security } from "../server/server.js";
import type * as Widget from "../widget.js";

export interface InitOptions {
  /** The Longshore server's origin. */
  url: string;
  /** For applications whose security is switched on. */
  security?: Security;
}

/** One application at one server. */
export interface Client {
  /**
   * Opens the picker and answers when it has closed. Called again while it is open, it answers
   * the same pick.
   */
  pick(options?: PickerOptions): Promise<PickResult>;
  /** A picker that is opened and closed by hand and tells by callbacks. */
  picker(options?: PickerOptions): PickerHandle;
  /** Puts a stored file into the person's cloud. Not served yet: rejects. */
  saveAs(handleOrUrl: string, options?: Record<string, unknown>): Promise<never>;
}

export function makeInit(load: () => Promise<typeof Widget>, defaultUrl: () => string | undefined) {
  /** Names the application. Answers null where there is no page: on a server. */
  return function init(apikey: string, options: Partial<InitOptions> = {}): Client | null {
    if (typeof window === "undefined") return null;
    const url = options.url ?? defaultUrl();
    if (!apikey) throw new Error("longshore: init needs an API key");
    if (!url) throw new Error("longshore: init needs the server's url");
    const account = { apikey, url, security: options.security };
    let open: Promise<PickResult> | undefined;
    return {
      pick(picking = {}) {
        open ??= load()
          .then(async (widget) => {
            const { picker, result } = widget.pick(account, picking);
            await picker.open();
            return result;
          })
          .finally(() => (open = undefined));
        return open;
      },
      picker(picking = {}) {
        const real = load().then((widget) => new widget.Picker(account, picking));
        real.catch(() => undefined);
        return {
          open: async () => (await real).open(),
          close: async () => (await real).close(),
          cancel: async () => (await real).cancel(),
          crop: async () => (await real).crop(),
        };
      },
      saveAs() {
        return Promise.reject(new Error("longshore: saveAs is not served yet: this server has no /export/"));
      },
    };
  };
}
