/**
 * Builds the widget: `node build.mjs served|npm FOLDER`.
 *
 * `served` is what a server sends out: `picker.js` and `longshore.js`, classic scripts, and
 * beside them the widget's module and its languages, named by their hashes. `npm` is the package:
 * modules that a page's own bundler takes up. Nothing is written outside FOLDER.
 */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const [kind, folder] = process.argv.slice(2);
if (!folder || (kind !== "served" && kind !== "npm")) {
  console.error("usage: node build.mjs served|npm FOLDER");
  process.exit(2);
}
const out = resolve(folder);

/** Nothing has to be fetched ahead of what is loaded on demand, so no code for that is kept. */
const noPreload = {
  name: "no-preload",
  enforce: /** @type {const} */ ("pre"),
  /** @param {string} id */
  load(id) {
    return id === "\0vite/preload-helper.js" ? "export const __vitePreload = (load) => load();" : undefined;
  },
};

/** @param {import("vite").BuildOptions} options @param {Record<string, string>} [define] */
function bundle(options, define = {}) {
  return build({
    root,
    configFile: false,
    plugins: [noPreload],
    envDir: false,
    publicDir: false,
    logLevel: "warn",
    clearScreen: false,
    define: { __VERSION__: JSON.stringify(version), "process.env.NODE_ENV": '"production"', ...define },
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      outDir: out,
      emptyOutDir: false,
      // light-dark() and checkVisibility() set the floor: browsers since the spring of 2024.
      target: ["chrome123", "edge123", "firefox121", "safari17.5"],
      minify: true,
      cssMinify: true,
      modulePreload: false,
      reportCompressedSize: false,
      ...options,
    },
  });
}

/** A door as a classic script. @param {string} name @param {string} source @param {string} widget */
function door(name, source, widget) {
  return bundle(
    {
      lib: { entry: join(root, source), formats: ["iife"], name: `longshore_${name}`, fileName: () => `${name}.js` },
      rolldownOptions: { output: { entryFileNames: `${name}.js` } },
    },
    { __WIDGET__: JSON.stringify(widget) },
  );
}

if (kind === "served") {
  const built = await bundle({
    emptyOutDir: true,
    rolldownOptions: {
      input: { widget: join(root, "src/widget.ts") },
      preserveEntrySignatures: "allow-extension",
      output: { format: "es", entryFileNames: "[name]-[hash].js", chunkFileNames: "[name]-[hash].js" },
    },
  });
  const { output } = Array.isArray(built) ? built[0] : built;
  const widget = output.find((one) => one.type === "chunk" && one.isEntry);
  await door("picker", "src/doors/filestack.ts", `./${widget.fileName}`);
  await door("longshore", "src/doors/loader.ts", `${widget.fileName}`);
} else {
  await bundle({
    emptyOutDir: true,
    minify: false,
    lib: {
      entry: { index: join(root, "src/doors/index.ts"), element: join(root, "src/doors/element.ts"), react: join(root, "src/doors/react.ts") },
      formats: ["es"],
    },
    rolldownOptions: { external: ["react"], output: { entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" } },
  });
}
