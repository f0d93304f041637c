/**
 * Builds the portal: `node build.mjs FOLDER` writes `index.html` and, under `assets`, the script
 * and the styles, named by their hashes. The page needs nothing inline, so that a strict content
 * security policy fits. Nothing is written outside FOLDER.
 */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));
const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node build.mjs FOLDER");
  process.exit(2);
}

await build({
  root,
  base: "/portal/",
  configFile: false,
  envDir: false,
  publicDir: false,
  logLevel: "warn",
  clearScreen: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: resolve(folder),
    emptyOutDir: true,
    assetsDir: "assets",
    // light-dark() sets the floor: browsers since the spring of 2024.
    target: ["chrome123", "edge123", "firefox121", "safari17.5"],
    minify: true,
    cssMinify: true,
    // Inlined pictures would need more than 'self' in the policy.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
});
