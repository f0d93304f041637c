/**
 * The picker's words in the visitor's language. Every text is known by its English form, which
 * is also how an integration replaces it (`customText`).
 */

import { Formats, plainName } from "../format.js";
import type { Key } from "./en.js";

export type Texts = Partial<Record<Key, string>>;

type Values = Record<string, string | number>;

export class Words extends Formats {
  readonly rtl: boolean;
  readonly #texts: Texts;
  readonly #custom: Record<string, string>;
  readonly #plural: Intl.PluralRules;

  constructor(locale: string, texts: Texts, custom: Record<string, string> = {}) {
    super(locale);
    this.rtl = /^(ar|he|fa|ur)\b/.test(locale);
    this.#texts = texts;
    this.#custom = custom;
    this.#plural = new Intl.PluralRules(locale);
  }

  /** A text with its places filled in. */
  t(key: Key, values: Values = {}): string {
    const text = this.#custom[key] ?? this.#texts[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (place, name: string) => {
      const value = String(values[name] ?? place);
      // Names of files stand in texts as they stand in lists: without marks that lie about them.
      return name === "displayName" ? plainName(value) : value;
    });
  }

  /** A text about a number, which is filled in as `{count}`. */
  n(count: number, one: Key, many: Key, values: Values = {}): string {
    const category = this.#plural.select(count);
    // Arabic has the plural from two to ten only: "11 file", as it were.
    const single = this.locale.startsWith("ar") ? category !== "two" && category !== "few" : category === "one";
    const key = single ? one : many;
    return this.t(key, { count: this.number(count), ...values });
  }
}

/** Languages that are there in full; the others of the protocol are shown in English. */
export const LANGUAGES = {
  ar: () => import("./ar.js"),
  de: () => import("./de.js"),
  es: () => import("./es.js"),
  fr: () => import("./fr.js"),
  ja: () => import("./ja.js"),
  pt: () => import("./pt.js"),
} satisfies Record<string, () => Promise<{ default: Texts }>>;

/** Languages of the protocol; anything else is told as a mistake. */
const PROTOCOL = "ca da de en es fr he it ja ko nl no pl pt sv ru vi zh tr ar".split(" ");

/** The words of a language, loaded when they are asked for. */
export async function wordsOf(lang: string | undefined, custom: Record<string, string> | undefined, warn: (sentence: string) => void): Promise<Words> {
  const wanted = (lang ?? "en").toLowerCase();
  const base = wanted.split(/[-_]/)[0] ?? "en";
  const load = LANGUAGES[base as keyof typeof LANGUAGES] as (() => Promise<{ default: Texts }>) | undefined;
  if (!load) {
    if (base !== "en") warn(PROTOCOL.includes(base) ? `lang ${wanted} is not translated; English is shown` : `lang ${wanted} is not known; English is shown`);
    return new Words(localeOf("en"), {}, custom);
  }
  try {
    return new Words(localeOf(base), (await load()).default, custom);
  } catch {
    warn(`lang ${wanted} could not be loaded; English is shown`);
    return new Words(localeOf("en"), {}, custom);
  }
}

/** The visitor's own kind of a language, so that dates and numbers are as they write them. */
function localeOf(language: string): string {
  const languages = typeof navigator === "undefined" ? [] : navigator.languages;
  const own = languages.find((one) => one.toLowerCase().split("-")[0] === language);
  return own ?? language;
}
