/** Copies that the server makes from an address of the web into the storage. */

import type { Stored } from "../result.js";
import { Refusal, type Server } from "../server/server.js";
import { patiently } from "./patience.js";
import type { Carrier, Report, Transfer } from "./queue.js";
import type { UploadOptions } from "./upload.js";

interface Answer extends Partial<Stored> {
  type?: string;
  /** Filestack's backend tells some refusals with a 200. */
  error?: string;
}

export class LinkCopies implements Carrier {
  readonly pausable = false;
  readonly #server: Server;
  readonly #options: UploadOptions;

  constructor(server: Server, options: UploadOptions) {
    this.#server = server;
    this.#options = options;
  }

  async carry(transfer: Transfer, report: Report, signal: AbortSignal): Promise<Stored> {
    const { item } = transfer;
    const tags = this.#options.tags(item);
    const tasks: object[] = [{ name: "store", params: this.#options.store }];
    const { security } = this.#server;
    if (security) tasks.push({ name: "security", params: security });
    const body = { sources: [item.path], tasks, ...(tags ? { upload_tags: tags } : {}) };
    // A lost answer is asked for again and finds what was stored.
    const headers = { "Idempotency-Key": `${transfer.id}-${transfer.attempt}` };
    const answer = await patiently(() => this.#server.post<Answer>("/process", body, { signal, headers }), report, signal);
    if (answer.error) throw new Refusal("unexpected", answer.error);
    if (!answer.handle || !answer.url) throw new Refusal("unexpected", "the server's answer has no handle");
    return { ...answer, handle: answer.handle, url: answer.url, filename: answer.filename ?? item.name, mimetype: answer.type ?? answer.mimetype ?? item.mimetype, size: answer.size ?? item.bytes };
  }
}
