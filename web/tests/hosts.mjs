// Pages of other people that use the picker: served from an origin of their own, and a Longshore
// server behind TLS under the names that filestack-js makes of a cname.

import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { createServer as createSecure } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * @typedef {object} Answer
 * @property {string | Buffer} body
 * @property {string} [type]
 * @property {Record<string, string>} [headers]
 */

/**
 * Serves pages from an origin of its own.
 * @param {Record<string, Answer>} pages
 */
export async function serve(pages) {
  const server = createServer((asked, answer) => {
    const page = pages[(asked.url ?? "").split("?")[0] ?? ""];
    if (!page) return void answer.writeHead(404).end();
    answer.writeHead(200, { "Content-Type": page.type ?? "text/html; charset=utf-8", ...page.headers }).end(page.body);
  });
  const port = await listening(server);
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

/**
 * A server under `*.files.localhost`, by a certificate of an authority that was made for this
 * moment. `pin` makes Chromium take this key and no other.
 * @param {string} target
 * @param {number} [at] the port; one of the system's choice when absent
 */
export async function underCname(target, at = 0) {
  const folder = mkdtempSync(join(tmpdir(), "longshore-tls-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const file = (/** @type {string} */ name) => join(folder, name);
  const openssl = (/** @type {string[]} */ ...args) => execFileSync("openssl", args, { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl("req", "-x509", ...key, "-days", "2", "-subj", "/CN=throw-away", "-keyout", file("ca.key"), "-out", file("ca.pem"));
  openssl("req", ...key, "-subj", "/CN=files.localhost", "-keyout", file("key.pem"), "-out", file("asked.pem"));
  writeFileSync(file("names"), "subjectAltName=DNS:files.localhost,DNS:*.files.localhost\nextendedKeyUsage=serverAuth\n");
  openssl("x509", "-req", "-in", file("asked.pem"), "-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", file("names"), "-out", file("cert.pem"));
  const cert = readFileSync(file("cert.pem"));
  const spki = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" });
  /** @type {Set<string>} */
  const hosts = new Set();
  const server = createSecure({ key: readFileSync(file("key.pem")), cert }, (asked, answer) => {
    hosts.add((asked.headers.host ?? "").split(".")[0] ?? "");
    const onward = request(new URL(asked.url ?? "/", target), { method: asked.method, headers: asked.headers }, (from) => {
      answer.writeHead(from.statusCode ?? 502, from.headers);
      from.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    asked.pipe(onward);
  });
  const port = await listening(server, at);
  return {
    cname: `files.localhost:${port}`,
    /** Which names were asked for. */
    hosts,
    pin: createHash("sha256").update(spki).digest("base64"),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/**
 * @param {import("node:http").Server | import("node:https").Server} server
 * @param {number} [wanted]
 * @returns {Promise<number>}
 */
function listening(server, wanted = 0) {
  return new Promise((resolve) => {
    server.listen(wanted, "127.0.0.1", () => {
      const at = server.address();
      resolve(typeof at === "object" && at ? at.port : 0);
    });
  });
}

/** The demo's application. @param {string} demo */
export async function apikeyOf(demo) {
  const config = await (await fetch(`${demo}/demo/config`)).json();
  return /** @type {string} */ (config.apikey);
}
