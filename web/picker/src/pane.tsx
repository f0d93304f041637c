/**
 * `displayMode: "dropPane"`: a place in the page where files are dropped or chosen and sent off at
 * once, without a window. One drop is one pick; then the pane is ready for the next.
 */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { App } from "./app.js";
import { call } from "./calls.js";
import { held, listenForDrops } from "./drops.js";
import { Emitter, useChanges } from "./emitter.js";
import { plainName } from "./format.js";
import type { DropPaneOptions, Settings } from "./options.js";
import type { PickResult } from "./result.js";
import type { Device } from "./sources/device/device.js";
import { adopt } from "./styles/adopt.js";
import styles from "./styles/pane.css?inline";
import { total } from "./transfers/queue.js";
import { fileReason, loadReasons } from "./views/reasons.js";
import { Icon } from "./views/icons.js";
import type { Words } from "./words/words.js";

export interface PaneNeeds {
  options: DropPaneOptions;
  settings: Settings;
  words: Words;
  /** Makes what carries out one drop, with these settings. */
  make: (settings: Settings, leave: () => void) => App;
}

export class Pane extends Emitter {
  readonly words: Words;
  readonly options: DropPaneOptions;
  readonly settings: Settings;
  over = false;
  /** The drop that is carried out. */
  app: App | undefined;
  /** What there is to say of the last one; that a file was not taken comes before what was stored. */
  said: { text: string; bad: boolean } | undefined;
  readonly #make: PaneNeeds["make"];

  constructor({ options, settings, words, make }: PaneNeeds) {
    super();
    this.options = options;
    this.settings = settings;
    this.words = words;
    this.#make = make;
  }

  hangs(over: boolean): void {
    this.over = over;
    this.changed();
  }

  async give(give: (device: Device) => Promise<void>): Promise<void> {
    if (this.app) return;
    this.said = undefined;
    const settings: Settings = {
      ...this.settings,
      fromSources: ["local_file_system"],
      // It is sent off at once, as it is.
      uploadInBackground: false,
      transformations: false,
      allowManualRetry: this.settings.allowManualRetry ?? false,
      onUploadDone: (result) => this.#done(result),
    };
    // The pane itself has been open all the time.
    delete settings.onOpen;
    delete settings.onClose;
    const app = this.#make(settings, () => this.#ready(app));
    this.app = app;
    app.begin();
    app.subscribe(() => this.#look(app));
    if (app.device) await give(app.device);
    if (app.message) this.said = app.message;
    if (app.selection.count > 0 && app.missing === 0) app.upload();
    else app.close();
    this.changed();
  }

  /** Gives up what is on its way. */
  cancel(): void {
    this.app?.giveUp();
  }

  #look(app: App): void {
    const sum = total(app.queue.transfers);
    if (app.queue.transfers.length > 0) this.#tell(() => this.options.onProgress?.(percentOf(sum.arrived, sum.bytes)));
    this.changed();
  }

  #done(result: PickResult): void {
    const { filesUploaded, filesFailed } = result;
    const { words, options } = this;
    const failed = this.app?.queue.of("failed")[0];
    if (failed?.state.kind === "failed") {
      const { item, state: { why } } = failed;
      void loadReasons().then(() => {
        this.said = { text: `${plainName(item.name)}: ${fileReason(why, words)}`, bad: true };
        this.changed();
      });
    } else if (!this.said?.bad) this.said = { text: words.n(filesUploaded.length, "{count} file stored", "{count} files stored"), bad: false };
    if (filesUploaded.length > 0) this.#tell(() => options.onSuccess?.(filesUploaded));
    if (filesFailed.length > 0) this.#tell(() => options.onError?.(filesFailed));
    if (!options.onSuccess) call(this.settings, "onUploadDone", result);
  }

  /** What goes wrong in the page's functions is the page's, and is told on its console. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      console.error("longshore: a function of dropPane threw", error);
    }
  }

  #ready(app: App): void {
    if (this.app !== app) return;
    this.app = undefined;
    this.changed();
  }
}

function percentOf(part: number, whole: number): number {
  return whole === 0 ? 100 : Math.round((part / whole) * 100);
}

export function PaneView({ pane }: { pane: Pane }) {
  useChanges(pane);
  const { words, options, settings, app } = pane;
  const place = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => adopt(styles, place.current), []);
  useEffect(() => {
    const on: EventTarget | null = options.overlay === false ? place.current : window;
    return on ? listenForDrops(on, {
      over: (is) => pane.hangs(is),
      takes: () => pane.app === undefined,
      give: (data) => {
        const files = held(data);
        void pane.give((device) => device.give(files));
      },
    }) : undefined;
  }, [pane]);
  const sum = app ? total(app.queue.transfers) : undefined;
  const percent = sum ? percentOf(sum.arrived, sum.bytes) : 0;
  const choose = (event: MouseEvent) => {
    options.onClick?.(event);
    if (!options.disableClick) field.current?.click();
  };
  const taken = () => {
    // Emptying the field empties its own list.
    const files = [...(field.current?.files ?? [])];
    if (files.length > 0) void pane.give((device) => device.choose(files));
    if (field.current) field.current.value = "";
  };
  return (
    <div
      ref={place}
      class="pane"
      part="pane"
      dir={words.rtl ? "rtl" : "ltr"}
      lang={words.locale}
      data-over={pane.over || undefined}
      onDragEnter={(event) => options.onDragEnter?.(event)}
      onDragLeave={(event) => options.onDragLeave?.(event)}
      onDragOver={(event) => options.onDragOver?.(event)}
      onDrop={(event) => options.onDrop?.(event)}
    >
      {app && sum ? (
        <div class="going">
          <p>{words.t("Uploading")} {options.showProgress === false ? null : words.percent(percent)}</p>
          {options.showProgress === false ? null : <progress class="line" max={100} value={percent} aria-label={words.t("All files")} />}
          <button type="button" class="quiet" onClick={() => pane.cancel()}>{words.t("Cancel")}</button>
        </div>
      ) : (
        <button type="button" class="into-pane" onClick={choose}>
          {options.showIcon === false ? null : <Icon name="device" />}
          <span>{pane.over ? words.t("Drop your files anywhere") : typeof options.customText === "string" ? options.customText : words.t("Select Files to Upload")}</span>
        </button>
      )}
      {pane.said && !app ? <p class={pane.said.bad ? "said bad" : "said"} role="status">{pane.said.text}</p> : null}
      <input ref={field} type="file" class="unseen" tabIndex={-1} aria-hidden="true" multiple={settings.maxFiles > 1} accept={settings.accept.join(",")} onChange={taken} />
    </div>
  );
}

