/**
 * The door of our own: `<script src="…/longshore.js">`, then `longshore.init(KEY).pick()`. Tiny;
 * the picker is fetched when it is first opened, from where this script came from.
 */

import { widgetBeside } from "./beside.js";
import { makeInit } from "./client.js";

const script = document.currentScript;
const home = script instanceof HTMLScriptElement && script.src ? new URL(".", script.src).href.replace(/\/$/, "") : undefined;

const api = { init: makeInit(widgetBeside(`picker/${__VERSION__}/`), () => home), version: __VERSION__ };

const page = window as Window & { longshore?: typeof api };
// Loaded twice, the first one stays: its picker may be open.
page.longshore ??= api;
