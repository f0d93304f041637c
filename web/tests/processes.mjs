// Processes of our own for tests that end them: a simulated Dropbox and a server, as an operator
// would start them. The program is named by LONGSHORE.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

const PROGRAM = process.env["LONGSHORE"] ?? "target/debug/longshore";
const [KEY, SECRET] = ["test-app-key", "test-app-secret"];

/**
 * A server with an application, and the Dropbox that it knows.
 * @param {Record<string, string | Buffer>} files what lies in the Dropbox, by path
 */
export async function startService(files) {
  const folder = mkdtempSync(join(tmpdir(), "longshore-processes-"));
  const dropbox = join(folder, "dropbox");
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dropbox, path)), { recursive: true });
    writeFileSync(join(dropbox, path), content);
  }
  const sandbox = run(["sandbox", "--listen", "127.0.0.1:0", "--account", `Franz=${dropbox}`, "--app", `${KEY}:${SECRET}`], {}, join(folder, "sandbox.log"));
  const at = /http:\/\/[\d.]+:\d+/.exec(await sandbox.firstLine)?.[0] ?? "";
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const environment = {
    LONGSHORE_LISTEN: `127.0.0.1:${port}`,
    LONGSHORE_PUBLIC_URL: url,
    LONGSHORE_DATA_DIR: join(folder, "data"),
    LONGSHORE_ALLOWED_PRIVATE_NETWORKS: "127.0.0.0/8",
    ...Object.fromEntries(["API", "CONTENT", "NOTIFY", "WWW"].map((host) => [`LONGSHORE_DROPBOX_${host}_URL`, at])),
  };
  const begin = async () => {
    const begun = run(["serve"], environment, join(folder, "serve.log"));
    await begun.firstLine;
    return begun;
  };
  let server = await begin();
  const made = execFileSync(PROGRAM, ["app", "create", "--name", "Test", "--dropbox-app-key", KEY, "--dropbox-app-secret", SECRET, "--json"], { env: { ...process.env, ...environment } });
  return {
    url,
    apikey: /** @type {string} */ (JSON.parse(made.toString()).apikey),
    /** kill -9. */
    kill: () => server.end(),
    /** On the same port, with the same data. */
    restart: async () => void (server = await begin()),
    /** Makes chosen calls to Dropbox go wrong (docs/sandbox.md). @param {object} rule */
    async fault(rule) {
      const answer = await fetch(`${at}/_sandbox/faults`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(rule) });
      if (!answer.ok) throw new Error(await answer.text());
    },
    clearFaults: () => fetch(`${at}/_sandbox/faults`, { method: "DELETE" }),
    async close() {
      await server.end();
      await sandbox.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @param {string[]} args @param {Record<string, string>} environment @param {string} log */
function run(args, environment, log) {
  const child = spawn(PROGRAM, args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", openSync(log, "a")] });
  const { stdout } = child;
  if (!stdout) throw new Error("it has no standard output");
  // It must not outlive the test, whatever ends that.
  process.on("exit", () => child.kill("SIGKILL"));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  /** @type {Promise<string>} */
  const firstLine = new Promise((resolve, reject) => {
    createInterface({ input: stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`${args[0]} ended with ${code}`)));
  });
  firstLine.catch(() => undefined);
  return {
    firstLine,
    end: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
