/**
 * Uploads from the device: a file in parts, several at once, straight into the storage. What has
 * arrived is kept in mind: after a pause, a lost connection or a server that restarts it goes on
 * with the parts that are missing. The routes are Filestack's upload API (docs/API.md).
 */

import type { Stored } from "../result.js";
import { Refusal, type Server } from "../server/server.js";
import { pause } from "../time.js";
import { md5 } from "./digest.js";
import { putPart, type PartPlace } from "./parts.js";
import { patiently } from "./patience.js";
import type { Carrier, Report, Transfer } from "./queue.js";

/** Size of a part unless the file needs larger ones. */
const PART = 6 * 1024 * 1024;
/** Parts of one file at most. */
const MOST_PARTS = 10_000;
/** Parts of one file on their way at once. */
const AT_ONCE = 3;
/** Pause before the server is asked again whether the parts are joined. */
const JOIN_PAUSE_MS = 1000;
/** The server knows an upload no more: its time is over, and it begins anew. */
const FORGOTTEN = new Set(["upload-not-found", "upload-closed"]);
/** Codes that say that a part did not come as it should: it is sent again. */
const DAMAGED = new Set(["wrong-digest", "part-not-authorized", "incomplete-body", "body-too-slow"]);
/** How long an answer may take, in ms: on a line that has died without a word none comes. */
const ANSWER_MS = 120_000;
/** How often a part is sent. */
const TRIES = 4;

export interface UploadOptions {
  /** The protocol's `store` object. */
  store: Record<string, unknown>;
  tags(item: Transfer["item"]): Record<string, string> | undefined;
  /** The file as it is to be sent: an edited picture, for one. The item's own when absent. */
  file?(item: Transfer["item"]): Promise<File>;
}

interface Started {
  uri: string;
  region: string;
  upload_id: string;
}

interface Part {
  /** Counted from one. */
  number: number;
  bytes: Blob;
  etag: string | undefined;
  sent: number;
}

/** What is kept in mind of one upload. */
interface Memory {
  file: File;
  started: Started;
  parts: Part[];
}

/** Cuts a file into parts of equal size; the last may be shorter. A file without bytes has none. */
export function partsOf(file: Blob): Part[] {
  const least = Math.ceil(file.size / MOST_PARTS);
  const step = Math.max(PART, Math.ceil(least / PART) * PART);
  const count = Math.ceil(file.size / step);
  return Array.from({ length: count }, (_, place) => ({
    number: place + 1,
    bytes: file.slice(place * step, (place + 1) * step),
    etag: undefined,
    sent: 0,
  }));
}

export class Uploads implements Carrier {
  readonly pausable = true;
  readonly #server: Server;
  readonly #options: UploadOptions;

  constructor(server: Server, options: UploadOptions) {
    this.#server = server;
    this.#options = options;
  }

  async carry(transfer: Transfer, report: Report, signal: AbortSignal): Promise<Stored> {
    const once = async () => {
      const memory = await this.#sendAll(transfer, report, signal);
      return this.#complete(transfer, memory, report, signal);
    };
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof Refusal) || !FORGOTTEN.has(error.code)) throw error;
      transfer.memory = undefined;
      return once();
    }
  }

  /** Sends the parts and stores nothing: what is never completed, the server removes. */
  async ahead(transfer: Transfer, report: Report, signal: AbortSignal): Promise<void> {
    await this.#sendAll(transfer, report, signal);
  }

  async #file(item: Transfer["item"]): Promise<File> {
    try {
      const file = this.#options.file ? await this.#options.file(item) : item.file;
      if (file) return file;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw new Refusal("file-unreadable", error instanceof Error ? error.message : "the file cannot be read");
    }
    throw new Refusal("file-unreadable", "the file is not there any more");
  }

  /** Sends the parts that are missing. */
  async #sendAll(transfer: Transfer, report: Report, signal: AbortSignal): Promise<Memory> {
    const memory = await this.#started(transfer, report, signal);
    const tell = () => report.arrived(memory.parts.reduce((sum, part) => sum + (part.etag ? part.bytes.size : part.sent), 0));
    const missing = memory.parts.filter((part) => part.etag === undefined);
    // One that fails for good ends the others.
    const ending = new AbortController();
    const either = AbortSignal.any([signal, ending.signal]);
    const work = async () => {
      for (let part = missing.shift(); part; part = missing.shift()) {
        await this.#send(memory.started, part, report, tell, either);
        tell();
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, missing.length) }, work));
    } catch (error) {
      ending.abort(error);
      signal.throwIfAborted();
      throw error;
    }
    return memory;
  }

  async #started(transfer: Transfer, report: Report, signal: AbortSignal): Promise<Memory> {
    const known = transfer.memory as Memory | undefined;
    if (known) return known;
    const file = await patiently(() => this.#file(transfer.item), report, signal);
    signal.throwIfAborted();
    transfer.item.bytes = file.size;
    transfer.item.mimetype = file.type || transfer.item.mimetype;
    transfer.item.name = file.name;
    const body = { ...this.#about(transfer), size: file.size };
    const started = await patiently(() => this.#server.post<Started>("/multipart/start", body, { signal, within: ANSWER_MS }), report, signal);
    const memory: Memory = { file, started, parts: partsOf(file) };
    transfer.memory = memory;
    return memory;
  }

  async #send(started: Started, part: Part, report: Report, tell: () => void, signal: AbortSignal): Promise<void> {
    let digest: string;
    try {
      digest = await md5(part.bytes, signal);
    } catch (error) {
      signal.throwIfAborted();
      // The browser reads from the disk only now; the file may be another by this time.
      throw new Refusal("file-unreadable", error instanceof Error ? error.message : "the file cannot be read");
    }
    const body = { ...started, store: this.#options.store, part: part.number, size: part.bytes.size, md5: digest };
    const once = async () => {
      const place = await this.#server.post<PartPlace>("/multipart/upload", body, { signal, within: ANSWER_MS });
      const sent = (bytes: number) => {
        part.sent = bytes;
        tell();
      };
      return putPart(place, part.bytes, sent, signal);
    };
    for (let attempt = 1; part.etag === undefined; attempt += 1) {
      try {
        part.etag = await patiently(once, report, signal);
      } catch (error) {
        const damaged = error instanceof Refusal && DAMAGED.has(error.code);
        if (!damaged || attempt >= TRIES) throw error;
      }
    }
  }

  async #complete(transfer: Transfer, memory: Memory, report: Report, signal: AbortSignal): Promise<Stored> {
    const { file } = memory;
    const tags = this.#options.tags(transfer.item);
    const body = {
      ...memory.started,
      ...this.#about(transfer),
      size: file.size,
      parts: memory.parts.map((part) => ({ part_number: part.number, etag: part.etag })),
      ...(tags ? { upload_tags: tags } : {}),
    };
    for (;;) {
      const answer = await patiently(() => this.#server.post<Partial<Stored>>("/multipart/complete", body, { signal, within: ANSWER_MS }), report, signal);
      if (answer.handle && answer.url) {
        return { ...answer, handle: answer.handle, url: answer.url, filename: answer.filename ?? transfer.item.name, mimetype: answer.mimetype ?? transfer.item.mimetype, size: answer.size ?? file.size };
      }
      // The parts are being joined.
      await pause(JOIN_PAUSE_MS, signal);
    }
  }

  #about(transfer: Transfer) {
    const { name, mimetype } = transfer.item;
    return { filename: name, mimetype, store: this.#options.store };
  }
}
