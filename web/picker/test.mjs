/** Runs the unit tests. */

import { fileURLToPath } from "node:url";
import { build } from "vite";
import { unitTests } from "../unit.mjs";

await unitTests(fileURLToPath(new URL(".", import.meta.url)), build, { __VERSION__: '"0.0.0"' });
