// Makes elements, and words for sizes and times. What comes from outside only ever becomes text.

const ICONS = {
  close: "M5 5l10 10M15 5L5 15",
  search: "M9 3a6 6 0 1 0 0 12A6 6 0 0 0 9 3zM13.5 13.5L17.5 17.5",
  list: "M3 5h14M3 10h14M3 15h14",
  grid: "M3.5 3.5h5v5h-5zM11.5 3.5h5v5h-5zM3.5 11.5h5v5h-5zM11.5 11.5h5v5h-5z",
  up: "M12 4l-6 6 6 6",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  chevron: "M8 5l5 5-5 5",
  warning: "M10 3l8 14H2zM10 8.5v3.5M10 14.4v.1",
  dropbox: "M5.5 3L1.5 5.6l4 2.6 4.5-2.6zM14.5 3l4 2.6-4 2.6L10 5.6zM1.5 10.8l4 2.6 4.5-2.6-4.5-2.6zM18.5 10.8l-4 2.6-4.5-2.6 4.5-2.6zM6 14.6l4 2.4 4-2.4-4-2.4z",
};

/** @typedef {keyof typeof ICONS} IconName */

/** Icons that are areas and not lines. */
const SOLID = new Set(["dropbox"]);

/**
 * An element with properties, attributes (in `attrs`), listeners (in `on`) and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {{class?: string, text?: string, attrs?: Record<string, string>, on?: Record<string, (event: any) => void>}} [about]
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, about = {}, ...children) {
  const element = document.createElement(tag);
  if (about.class) element.className = about.class;
  if (about.text !== undefined) element.textContent = about.text;
  for (const [name, value] of Object.entries(about.attrs ?? {})) element.setAttribute(name, value);
  for (const [name, listener] of Object.entries(about.on ?? {})) {
    element.addEventListener(name, listener);
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/**
 * A picture of 20 by 20 that says nothing to a screen reader.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", SOLID.has(name) ? "lp-icon lp-icon-solid" : "lp-icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Marks that turn the direction or cannot be seen: they make `exe` look like `pdf`. */
// eslint-disable-next-line no-control-regex -- these are what it is for
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * A name from outside. It may be written from right to left; `bdi` keeps that to itself. A mark
 * that turns the direction within it is shown as what it is, a mark.
 * @param {string} name
 * @param {string} [className]
 */
export function isolated(name, className = "") {
  return h("bdi", { class: className, text: name.replace(UNSEEN, "\ufffd") });
}

/**
 * A size as people write it, in steps of a thousand.
 * @param {number} bytes
 */
export function humanSize(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, "")} ${units[unit]}`;
}

const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/**
 * A day, with its year when it is not this one.
 * @param {string | undefined} time
 */
export function day(time) {
  const date = new Date(time ?? "");
  if (Number.isNaN(date.getTime())) return "";
  const thisYear = date.getFullYear() === new Date().getFullYear();
  return (thisYear ? DAY : YEAR).format(date);
}

/**
 * A time of day, in the reader's zone.
 * @param {number} ms
 */
export function timeOfDay(ms) {
  return CLOCK.format(new Date(ms));
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
