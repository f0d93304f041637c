// Makes elements, and words for sizes and times. What comes from outside only ever becomes text.

const ICONS = {
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  warning: "M10 3l8 14H2zM10 8.5v3.5M10 14.4v.1",
};

/** @typedef {keyof typeof ICONS} IconName */

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
  svg.setAttribute("class", "icon");
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

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/**
 * A time of day, in the reader's zone.
 * @param {number} ms
 */
export function timeOfDay(ms) {
  return CLOCK.format(new Date(ms));
}
