/** The sources of this picker, by their names in the protocol. */

import type { App } from "../app.js";
import { Device } from "./device/device.js";
import { Dropbox } from "./dropbox/dropbox.js";
import { Later } from "./later.js";
import type { Source } from "./source.js";

const MAKERS: Record<string, (app: App) => Source> = {
  dropbox: (app) => new Dropbox(app),
  local_file_system: (app) => new Device(app),
  url: (app) => new Later(app, {
    name: "url",
    label: app.words.t("Link (URL)"),
    icon: "link",
    load: async () => new (await import("./link/link.js")).Link(app),
  }),
};

/** The sources that an integration wants, in its order. */
export function sourcesOf(app: App): Source[] {
  return app.settings.fromSources.flatMap((name) => {
    const make = MAKERS[name];
    return make ? [make(app)] : [];
  });
}
