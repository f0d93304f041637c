/** Times, sizes and names as people read them, in the reader's zone. */

import { Formats, plainName } from "../../picker/src/format.js";

export { plainName };

export const formats = new Formats("en");

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const EXACT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "long" });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 30],
  ["month", 12],
  ["year", Infinity],
];

/** `3 min. ago`, `in 5 min.`. */
export function relative(time: number, now: number): string {
  let value = (time - now) / 1000;
  if (Math.abs(value) < 1.5) return "now";
  for (const [unit, next] of STEPS) {
    if (Math.abs(value) < next) return RELATIVE.format(Math.trunc(value), unit);
    value /= next;
  }
  return "";
}

/** The day and the time to the second, with the zone. */
export function exact(time: number): string {
  return EXACT.format(time);
}

/** `1 file`, `2 files`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formats.number(count)} ${count === 1 ? one : many}`;
}
