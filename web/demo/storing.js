// What happens after Upload: every chosen file is copied, each with a row that says how it goes.
// Nobody tells the picker how many bytes have moved, so no bar pretends to know.

import { CloudError } from "./cloud.js";
import { pause, sentence } from "./connect.js";
import { counted, h, humanSize, icon, isolated } from "./dom.js";

/** @typedef {import("./cloud.js").Cloud} Cloud */
/** @typedef {import("./cloud.js").Entry} Entry */
/** @typedef {import("./cloud.js").StoredFile} StoredFile */

/**
 * @typedef {object} PickedFile A file in the result, in Filestack's shape.
 * @property {string} filename
 * @property {string} [handle]
 * @property {string} mimetype
 * @property {string} originalPath
 * @property {number} size
 * @property {string} source
 * @property {string} [url]
 * @property {string} [status]
 */

/**
 * @typedef {object} Job
 * @property {Entry} entry
 * @property {HTMLElement} row
 * @property {HTMLElement} word
 * @property {HTMLElement} again
 * @property {"waiting" | "copying" | "stored" | "failed"} state
 * @property {PickedFile} [file]
 */

/** Copies that run at once, as in Filestack's picker. */
const AT_ONCE = 4;
/** How often a copy whose answer was lost is asked for again before a person is. */
const LOST_ANSWERS = 3;

/** @type {Record<string, string>} */
const WORDS = {
  unreachable: "The server cannot be reached",
  "path-not-found": "It was moved or deleted meanwhile",
  "dropbox-unavailable": "Dropbox does not answer",
  "storage-full": "The server's storage is full",
  reconnect: "The link to Dropbox has ended; connect again",
};

export class Storing {
  /**
   * @param {Cloud} cloud
   * @param {Entry[]} entries
   * @param {{changed: () => void, say: (words: string) => void, tell: (name: string, about: object) => void}} hopes
   */
  constructor(cloud, entries, hopes) {
    this.cloud = cloud;
    this.hopes = hopes;
    this.session = crypto.randomUUID().replaceAll("-", "");
    this.stopping = new AbortController();
    this.running = 0;
    this.jobs = entries.map((entry) => this.#job(entry));
    this.total = h("p", { class: "lp-total" });
    this.bar = h("progress", { class: "lp-bar", attrs: { max: String(entries.length), value: "0", "aria-label": "Files stored" } });
    this.element = h("div", { class: "lp-scroll lp-storing" },
      h("div", { class: "lp-sum" }, this.total, this.bar),
      h("ul", { class: "lp-list", attrs: { "aria-label": "Chosen files" } }, ...this.jobs.map((job) => job.row)));
    this.#refresh();
  }

  get settled() {
    return this.jobs.every((job) => job.state === "stored" || job.state === "failed");
  }

  get failed() {
    return this.jobs.filter((job) => job.state === "failed").length;
  }

  /** The result, in Filestack's shape. */
  get result() {
    const done = this.jobs.filter((job) => job.state === "stored");
    const rest = this.jobs.filter((job) => job.state !== "stored");
    return {
      filesUploaded: done.flatMap((job) => (job.file ? [job.file] : [])),
      filesFailed: rest.map((job) => unstored(job.entry)),
    };
  }

  /** Takes up what waits, as far as there is room. */
  go() {
    while (this.running < AT_ONCE && !this.stopping.signal.aborted) {
      const next = this.jobs.find((job) => job.state === "waiting");
      if (!next) return;
      this.running += 1;
      this.#copy(next).finally(() => {
        this.running -= 1;
        this.#refresh();
        this.go();
      });
    }
  }

  /** Waits for nothing more. A copy that the server has begun goes on there. */
  stop() {
    this.stopping.abort();
  }

  /** @param {Entry} entry @returns {Job} */
  #job(entry) {
    const word = h("span", { class: "lp-word", attrs: { role: "status" } });
    const again = h("button", { class: "lp-plain lp-small", text: "Try again", attrs: { type: "button" } });
    again.hidden = true;
    const row = h("li", { class: "lp-row lp-job" },
      h("span", { class: "lp-thumb" }, h("img", { attrs: { src: entry.thumbnail, alt: "" } })),
      h("span", { class: "lp-name" }, isolated(entry.name), word),
      h("span", { class: "lp-size", text: humanSize(entry.bytes) }),
      again,
      h("span", { class: "lp-state", attrs: { "aria-hidden": "true" } }));
    /** @type {Job} */
    const job = { entry, row, word, again, state: "waiting" };
    if (entry.thumb_exists) row.querySelector(".lp-thumb")?.classList.add("lp-photo");
    again.addEventListener("click", () => {
      this.#set(job, "waiting", "Waiting");
      this.go();
    });
    this.#set(job, "waiting", "Waiting");
    return job;
  }

  /**
   * @param {Job} job
   * @param {Job["state"]} state
   * @param {string} words
   */
  #set(job, state, words) {
    job.state = state;
    job.word.textContent = words;
    job.again.hidden = state !== "failed";
    job.row.dataset["state"] = state;
    const sign = job.row.querySelector(".lp-state");
    if (state === "stored") sign?.replaceChildren(icon("check"));
    else if (state === "failed") sign?.replaceChildren(icon("warning"));
    else sign?.replaceChildren();
    if (this.jobs) this.#refresh();
  }

  /** @param {Job} job */
  async #copy(job) {
    const begun = performance.now();
    const { signal } = this.stopping;
    this.#set(job, "copying", "Copying");
    this.hopes.tell("storing", { file: job.entry.name, bytes: job.entry.bytes });
    for (let lost = 0; ; ) {
      try {
        const file = await this.cloud.store(job.entry.path, this.session, signal);
        const ms = Math.round(performance.now() - begun);
        job.file = { ...file, source: "dropbox" };
        this.#set(job, "stored", "Stored");
        this.hopes.tell("stored", { file: job.file, ms });
        return;
      } catch (error) {
        if (signal.aborted) return;
        const known = error instanceof CloudError ? error : new CloudError("unexpected", String(error));
        if (known.wait) {
          await this.#countDown(job, known.wait);
          if (signal.aborted) return;
        } else if (known.code === "unreachable" && (lost += 1) <= LOST_ANSWERS) {
          // The same session and path find the copy that goes on at the server.
          this.#set(job, "copying", "The connection was lost; asking again");
          await pause(1000 * lost, signal).catch(() => {});
        } else {
          this.#set(job, "failed", WORDS[known.code] ?? sentence(known.message));
          this.hopes.tell("failed", { file: job.entry.name, code: known.code, message: known.message });
          return;
        }
      }
    }
  }

  /** @param {Job} job @param {number} seconds */
  async #countDown(job, seconds) {
    for (let left = seconds; left > 0; left -= 1) {
      this.#set(job, "copying", `Asked to wait ${left} s`);
      await pause(1000, this.stopping.signal).catch(() => {});
      if (this.stopping.signal.aborted) return;
    }
  }

  #refresh() {
    const done = this.jobs.filter((job) => job.state === "stored").length;
    const bytes = this.jobs.reduce((sum, job) => sum + (job.state === "stored" ? job.entry.bytes : 0), 0);
    const all = counted(this.jobs.length, "file");
    const failed = this.failed > 0 ? ` · ${this.failed} failed` : "";
    this.total.textContent = `${done} of ${all} stored · ${humanSize(bytes)}${failed}`;
    this.bar.value = done;
    if (this.settled) this.hopes.say(this.total.textContent);
    this.hopes.changed();
  }
}

/** @param {Entry} entry @returns {PickedFile} */
export function unstored(entry) {
  return {
    filename: entry.name,
    mimetype: entry.mimetype,
    originalPath: entry.path,
    size: entry.bytes,
    source: "dropbox",
  };
}
