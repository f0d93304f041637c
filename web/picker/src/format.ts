/** Sizes, days and names as people write them, in one language. */

/** Marks that turn the direction or cannot be seen: they make `exe` look like `pdf`. */
// eslint-disable-next-line no-control-regex -- these are what it is for
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A name from outside, with marks that would lie about it shown as what they are. */
export function plainName(name: string): string {
  return name.replace(UNSEEN, "\ufffd");
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];
/** Languages that have names of their own for them. */
const OWN_UNITS: Record<string, string[]> = { fr: ["o", "Ko", "Mo", "Go", "To"] };

export class Formats {
  readonly #number: Intl.NumberFormat;
  readonly #tenths: Intl.NumberFormat;
  readonly #units: string[];
  readonly #day: Intl.DateTimeFormat;
  readonly #year: Intl.DateTimeFormat;
  readonly #whole: Intl.DateTimeFormat;
  readonly #thisYear = new Date().getFullYear();

  constructor(readonly locale: string) {
    this.#number = new Intl.NumberFormat(locale);
    this.#tenths = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
    this.#units = OWN_UNITS[locale.split("-")[0] ?? ""] ?? UNITS;
    this.#day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
    this.#year = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
    this.#whole = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });
  }

  number(value: number): string {
    return this.#number.format(value);
  }

  /** A share of a hundred. */
  percent(value: number): string {
    return new Intl.NumberFormat(this.locale, { style: "percent" }).format(value / 100);
  }

  /** A size, in steps of a thousand: `2.4 MB`. */
  size(bytes: number): string {
    let value = bytes;
    let unit = 0;
    while (value >= 999.5 && unit < this.#units.length - 1) {
      value /= 1000;
      unit += 1;
    }
    const shown = unit === 0 || value >= 99.95 ? this.#number.format(Math.round(value)) : this.#tenths.format(value);
    return `${shown} ${this.#units[unit] ?? ""}`;
  }

  /** A day, with its year when it is not this one; empty for no day. */
  day(time: string | undefined): string {
    const date = new Date(time ?? "");
    if (Number.isNaN(date.getTime())) return "";
    return (date.getFullYear() === this.#thisYear ? this.#day : this.#year).format(date);
  }

  /** A day and its time, for those who point at it. */
  moment(time: string | undefined): string {
    const date = new Date(time ?? "");
    return Number.isNaN(date.getTime()) ? "" : this.#whole.format(date);
  }
}
