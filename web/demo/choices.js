// What the form says, as options of the picker and as the code that a page would have.

/** @typedef {import("../picker/src/options.js").PickerOptions} PickerOptions */

/** Where an inline picker and a drop pane go: the id of a place in the page. */
const PLACE = "place";

/** Options that the form offers, by the names of their fields. */
const TEXTS = /** @type {const} */ (["theme", "lang", "viewType"]);

/**
 * The options that are chosen; what is as it would be anyway is left out.
 * @param {HTMLFormElement} form
 * @returns {PickerOptions}
 */
export function chosen(form) {
  const data = new FormData(form);
  const text = (/** @type {string} */ name) => String(data.get(name) ?? "");
  const mode = text("displayMode");
  /** @type {Record<string, unknown>} */
  const options = {};
  if (mode !== "overlay") Object.assign(options, { displayMode: mode, container: PLACE });
  const sources = data.getAll("fromSources");
  const all = form.querySelectorAll("[name=fromSources]").length;
  // A drop pane takes files of the device alone.
  if (mode !== "dropPane" && sources.length > 0 && sources.length < all) options["fromSources"] = sources;
  const maxFiles = Number(text("maxFiles"));
  if (maxFiles > 1) options["maxFiles"] = maxFiles;
  if (text("accept")) options["accept"] = text("accept");
  for (const name of TEXTS) if (text(name)) options[name] = text(name);
  return options;
}

/**
 * The same as JavaScript.
 * @param {PickerOptions} options
 * @param {string} apikey
 */
export function written(options, apikey) {
  const call = options.displayMode === "dropPane" ? pane(options) : picking(options);
  return `const client = longshore.init(${JSON.stringify(apikey)});\n\n${call}`;
}

/** @param {PickerOptions} options */
function picking(options) {
  return [
    "button.onclick = async () => {",
    `  show(await client.pick(${literal(options, "  ")}));`,
    "};",
  ].join("\n");
}

/** A pane stays where it is and tells of each drop. @param {PickerOptions} options */
function pane(options) {
  return `client.picker(${literal(options, "", "  onUploadDone: show,\n")}).open();`;
}

/**
 * @param {object} options
 * @param {string} indent
 * @param {string} [more] lines that are no values
 */
function literal(options, indent, more = "") {
  const value = (/** @type {unknown} */ it) => JSON.stringify(it).replaceAll('","', '", "');
  const lines = Object.entries(options).map(([name, it]) => `${indent}  ${name}: ${value(it)},\n`);
  return lines.length > 0 || more ? `{\n${lines.join("")}${more}${indent}}` : "";
}
