/** The npm package: the same picker as a module, bundled with the page that uses it. */

import { makeInit } from "./client.js";

/** Names the application. Answers null where there is no page: on a server. */
export const init = makeInit(() => import("../widget.js"), () => undefined);

export type { Client, InitOptions } from "./client.js";
export type { PickerHandle, PickerOptions, StoreOptions, UploadToken } from "../options.js";
export type { PickedFile, PickResult } from "../result.js";
export type { Security } from "../server/server.js";
