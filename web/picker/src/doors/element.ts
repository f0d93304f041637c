/**
 * `<longshore-picker>`: an inline picker as an element.
 *
 * ```html
 * <longshore-picker apikey="A…" url="https://files.example.com" max-files="5"></longshore-picker>
 * ```
 *
 * @event picked - a pick has ended; `detail` is its result
 * @event closed - the picker has closed
 * @csspart the parts of the picker, see docs/picker.md
 */

import type { PickerOptions } from "../options.js";
import type { PickResult } from "../result.js";
import { Picker } from "../picker.js";

/** Attributes that stand for options; the others are set as the `options` property. */
const NUMBERS = { "max-files": "maxFiles", "min-files": "minFiles", "max-size": "maxSize", concurrency: "concurrency" } as const;
const TEXTS = { accept: "accept", lang: "lang", "view-type": "viewType", theme: "theme" } as const;

// On a server there is no HTMLElement to extend; the class is never made there.
const Base = (typeof HTMLElement === "undefined" ? Object : HTMLElement) as typeof HTMLElement;

export class LongshorePickerElement extends Base {
  /** Every further option. Read when the element comes into the page. */
  options: PickerOptions = {};
  #picker: Picker | undefined;

  connectedCallback(): void {
    const [apikey, url] = [this.getAttribute("apikey"), this.getAttribute("url")];
    if (!apikey || !url) {
      console.warn("longshore: <longshore-picker> needs apikey and url");
      return;
    }
    this.style.display ||= "block";
    const { options } = this;
    this.#picker = new Picker({ apikey, url }, {
      ...this.#attributes(),
      ...options,
      displayMode: "inline",
      container: this,
      onUploadDone: (result: PickResult) => {
        options.onUploadDone?.(result);
        this.dispatchEvent(new CustomEvent("picked", { detail: result }));
      },
      onClose: () => {
        options.onClose?.();
        this.dispatchEvent(new CustomEvent("closed"));
      },
    });
    void this.#picker.open();
  }

  disconnectedCallback(): void {
    void this.#picker?.close();
    this.#picker = undefined;
  }

  /** Opens it again after a pick has ended. */
  async open(): Promise<void> {
    await this.#picker?.open();
  }

  #attributes(): PickerOptions {
    const found: Record<string, unknown> = {};
    for (const [name, option] of Object.entries(NUMBERS)) {
      const value = this.getAttribute(name);
      if (value !== null) found[option] = Number(value);
    }
    for (const [name, option] of Object.entries(TEXTS)) {
      const value = this.getAttribute(name);
      if (value !== null) found[option] = value;
    }
    return found;
  }
}

if (typeof customElements !== "undefined" && !customElements.get("longshore-picker")) {
  customElements.define("longshore-picker", LongshorePickerElement);
}
