/** Runs a package's unit tests: bundles each for Node in a folder that vanishes, and runs them there. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * @param {string} root The package's folder; its tests are in `tests`.
 * @param {(options: any) => Promise<unknown>} build The package's own Vite.
 * @param {Record<string, string>} [define] What its build puts in place of names.
 */
export async function unitTests(root, build, define = {}) {
  const out = mkdtempSync(join(tmpdir(), "longshore-unit-tests-"));
  try {
    const names = readdirSync(join(root, "tests")).filter((name) => name.endsWith(".test.ts"));
    await build({
      root,
      configFile: false,
      envDir: false,
      publicDir: false,
      logLevel: "warn",
      define,
      oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
      ssr: { noExternal: true },
      build: {
        ssr: true,
        outDir: out,
        emptyOutDir: false,
        rolldownOptions: {
          input: Object.fromEntries(names.map((name) => [name.replace(/\.ts$/, ""), join(root, "tests", name)])),
          output: { entryFileNames: "[name].mjs" },
        },
      },
    });
    const files = readdirSync(out).filter((name) => name.endsWith(".test.mjs"));
    const { status } = spawnSync(process.execPath, ["--test", ...files.map((name) => join(out, name))], { stdio: "inherit", cwd: root });
    process.exitCode = status ?? 1;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
