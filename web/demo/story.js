// The story of the server: what the picker did, and every webhook with its attempts.

import { h, humanSize, icon, isolated, timeOfDay } from "./dom.js";

/** @typedef {import("./page.js").Config} Config */

/**
 * @typedef {object} Webhook One attempt, as the subscriber received it.
 * @property {number} received_at
 * @property {string} delivery
 * @property {number} attempt
 * @property {string} body
 * @property {boolean} genuine
 * @property {number} answered
 * @property {{filestack: {agrees: boolean, timestamp: string, signature: string}, standard: {agrees: boolean, id: string, timestamp: string, signature: string, key_hex: string}, fresh: boolean}} check
 */

/**
 * @typedef {object} Card
 * @property {HTMLElement} element
 * @property {HTMLElement} marks
 * @property {HTMLElement} words
 * @property {HTMLElement} proof
 * @property {Webhook[]} attempts
 */

const MOST = 200;

/** What the server did with a file, and what makes it sure, by the file's source. @type {Record<string, [string, string]>} */
const DONE = {
  dropbox: ["Copied", "the content hash agrees"],
  local_file_system: ["Uploaded", "the digest of each part agrees"],
  url: ["Fetched", "where the address leads was checked first"],
};

export class Story {
  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} quiet what is there while nothing has happened
   * @param {Config} config
   */
  constructor(list, quiet, config) {
    this.list = list;
    this.quiet = quiet;
    this.config = config;
    /** @type {Map<string, Card>} */
    this.cards = new Map();
    setInterval(() => this.#tick(), 1000);
  }

  /**
   * Hears the server, now and whenever the connection comes back.
   * @param {(state: {failing: boolean}) => void} onState
   */
  listen(onState) {
    const source = new EventSource("/demo/events");
    source.addEventListener("subscriber", (event) => onState(JSON.parse(event.data)));
    source.addEventListener("message", (event) => this.#webhook(JSON.parse(event.data)));
  }

  /**
   * What the picker did.
   * @param {any} about
   */
  picker(about) {
    switch (about.name) {
      case "connected":
        return this.#line("Dropbox connected", "the code was exchanged with PKCE, the tokens are sealed", "check");
      case "refused":
        return this.#line("Dropbox not connected", about.message, "warning");
      case "signed-out":
        return this.#line("Signed out", "the tokens were revoked at Dropbox", "check");
      case "stored": {
        const { file, ms } = about;
        const took = `${humanSize(file.size)} in ${(ms / 1000).toFixed(ms < 995 ? 2 : 1)} s`;
        const [did, sure] = DONE[file.source] ?? ["Stored", "by the server"];
        return this.#line([`${did} `, isolated(file.filename)], `${took}; ${sure}`, "check");
      }
      case "failed":
        return this.#line([isolated(String(about.file?.filename ?? "A file")), " was not stored"], about.message, "warning");
      default:
    }
  }

  /**
   * @param {string | (string | Node)[]} title
   * @param {string} text
   * @param {import("./dom.js").IconName} sign
   */
  #line(title, text, sign) {
    const heading = h("p", { class: "event" });
    heading.append(...(typeof title === "string" ? [title] : title));
    this.#add(h("li", { class: `line line-${sign}` },
      icon(sign),
      h("div", {}, heading, h("p", { class: "hint", text })),
      h("time", { text: timeOfDay(Date.now()) })));
  }

  /** @param {Webhook} webhook */
  #webhook(webhook) {
    const known = this.cards.get(webhook.delivery);
    if (known && webhook.delivery) {
      if (known.attempts.some((one) => one.received_at === webhook.received_at)) return;
      known.attempts.push(webhook);
      return this.#draw(known);
    }
    const { title, about, number } = describe(webhook.body);
    /** @type {Card} */
    const card = {
      marks: h("p", { class: "marks" }),
      words: h("p", { class: "hint words" }),
      proof: h("div", { class: "proof" }),
      attempts: [webhook],
      element: h("li", { class: "webhook" }),
    };
    const open = h("details", {}, h("summary", { text: "Body and signatures" }), card.proof);
    card.element.append(
      h("div", { class: "about" },
        h("p", { class: "event" }, h("code", { text: title }), isolated(about, "file"), h("span", { class: "hint number", text: number })),
        h("time", { text: timeOfDay(webhook.received_at) })),
      h("div", { class: "tries" }, card.marks, card.words),
      open);
    this.cards.set(webhook.delivery || crypto.randomUUID(), card);
    this.#draw(card);
    this.#add(card.element);
  }

  /** @param {Card} card */
  #draw(card) {
    const last = card.attempts.at(-1);
    if (!last) return;
    card.element.classList.toggle("forged", !last.genuine);
    const dots = [0, ...this.config.retry_offsets].map((_, index) => {
      const made = card.attempts.find((one) => one.attempt === index + 1);
      const still = last.answered < 300 ? "spared" : "due";
      const kind = made ? (made.answered < 300 ? "well" : "ill") : still;
      const words = made ? `Attempt ${index + 1} at ${timeOfDay(made.received_at)}: answered ${made.answered}` : "";
      return h("span", { class: `dot ${kind}`, attrs: words ? { title: words, role: "img", "aria-label": words } : { "aria-hidden": "true" } });
    });
    const badge = h("span", { class: last.genuine ? "badge good" : "badge bad" },
      icon(last.genuine ? "check" : "warning"),
      last.genuine ? "Both signatures verified" : "Signature is not genuine");
    card.marks.replaceChildren(...dots, badge);
    card.proof.replaceChildren(...proof(last, this.config.secret));
    this.#next(card);
  }

  /** Says what follows. @param {Card} card */
  #next(card) {
    const [first, last] = [card.attempts[0], card.attempts.at(-1)];
    if (!first || !last) return;
    const wait = this.config.retry_offsets[last.attempt - 1];
    if (!last.genuine) {
      card.words.textContent = `Answered ${last.answered}: this does not come from the server`;
    } else if (last.answered < 300) {
      const tries = last.attempt > 1 ? `Accepted at attempt ${last.attempt}` : "Accepted at the first attempt";
      card.words.textContent = `${tries} (${last.answered})`;
    } else if (wait === undefined) {
      card.words.textContent = `Answered ${last.answered}; no attempt is left`;
    } else {
      const left = Math.ceil((first.received_at + wait * 1000 - Date.now()) / 1000);
      const when = left > 0 ? `in ${left} s` : "now";
      card.words.textContent = `Answered ${last.answered}; attempt ${last.attempt + 1} is due ${when}`;
    }
  }

  #tick() {
    for (const card of this.cards.values()) {
      if ((card.attempts.at(-1)?.answered ?? 200) >= 300) this.#next(card);
    }
  }

  /** @param {HTMLElement} entry */
  #add(entry) {
    this.quiet.hidden = true;
    this.list.prepend(entry);
    while (this.list.children.length > MOST) this.list.lastElementChild?.remove();
  }
}

/**
 * The kind of event and the file it is about.
 * @param {string} body
 */
function describe(body) {
  try {
    const { action, id, text } = JSON.parse(body);
    const about = text?.filename ?? text?.url ?? "";
    return { title: String(action), about: String(about), number: `event ${id}` };
  } catch {
    return { title: "not JSON", about: "", number: "" };
  }
}

/**
 * The values, and how to come to the same result by hand.
 * @param {Webhook} webhook
 * @param {string} secret
 */
function proof(webhook, secret) {
  const { filestack, standard } = webhook.check;
  const quoted = `'${webhook.body.replaceAll("'", `'\\''`)}'`;
  const first = `printf '%s.%s' ${filestack.timestamp} ${quoted} \\\n  | openssl dgst -sha256 -hmac '${secret}'`;
  const second = `printf '%s.%s.%s' ${standard.id} ${standard.timestamp} ${quoted} \\\n  | openssl dgst -sha256 -mac HMAC -macopt hexkey:${standard.key_hex} -binary | base64`;
  return [
    block("Body, as it was sent", pretty(webhook.body)),
    block(`FS-Signature ${filestack.agrees ? "agrees" : "does not agree"}`, filestack.signature || "(none)", first),
    block(`webhook-signature ${standard.agrees ? "agrees" : "does not agree"}`, standard.signature || "(none)", second),
  ];
}

/**
 * @param {string} title
 * @param {string} text
 * @param {string} [command]
 */
function block(title, text, command) {
  /** @type {HTMLElement[]} */
  const parts = [h("h3", { text: title }), h("pre", { text, attrs: { tabindex: "0" } })];
  if (command) {
    const copy = h("button", { class: "plain", text: "Copy the command that checks it", attrs: { type: "button" } });
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(command).catch(() => {});
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = "Copy the command that checks it"), 1500);
    });
    parts.push(h("pre", { class: "command", text: command, attrs: { tabindex: "0" } }), copy);
  }
  return h("section", {}, ...parts);
}

/** @param {string} body */
function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
