/** Runs the unit tests: bundles each for Node in a folder that vanishes, and runs them there. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));
const out = mkdtempSync(join(tmpdir(), "longshore-portal-tests-"));
try {
  const names = readdirSync(join(root, "tests")).filter((name) => name.endsWith(".test.ts"));
  await build({
    root,
    configFile: false,
    envDir: false,
    publicDir: false,
    logLevel: "warn",
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
