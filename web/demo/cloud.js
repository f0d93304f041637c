// Talks to the server: Filestack's cloud API, as far as a picker needs it.

/**
 * @typedef {object} Entry One file or folder.
 * @property {string} name
 * @property {string} path
 * @property {boolean} folder
 * @property {string} mimetype
 * @property {string} thumbnail
 * @property {boolean} thumb_exists
 * @property {number} bytes
 * @property {string} [modified]
 * @property {boolean} downloadable
 * @property {string} [export_as]
 */

/**
 * @typedef {object} Listing
 * @property {string} filename
 * @property {Entry[]} contents
 * @property {string} next
 * @property {boolean} [restarted]
 */

/** @typedef {{redirect_url: string, reason?: string}} Auth */

/**
 * @typedef {object} StoredFile A file as a pick answers it.
 * @property {string} filename
 * @property {string} handle
 * @property {string} mimetype
 * @property {string} originalPath
 * @property {number} size
 * @property {string} url
 */

/** Why the server did not do what was asked. */
export class CloudError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {number} [wait] seconds
   * @param {string} [request] the request's id, to find it in the server's log
   */
  constructor(code, message, wait, request) {
    super(message);
    this.code = code;
    this.wait = wait;
    this.request = request;
  }
}

/** A person's session with one server and one application. */
export class Cloud {
  /**
   * @param {string} url the server's origin
   * @param {string} apikey
   */
  constructor(url, apikey) {
    this.url = url.replace(/\/$/, "");
    this.apikey = apikey;
    this.remembered = `longshore.session.${apikey}`;
    /** @type {string | undefined} */
    this.token = recall(this.remembered);
    /** @type {number | undefined} the server's time, as it last told it */
    this.time = undefined;
  }

  /**
   * One page of a folder, or where to connect.
   * @param {{path: string, next?: string, search?: string, accept?: string[], appurl?: string}} wish
   * @param {AbortSignal} [signal]
   * @returns {Promise<{listing: Listing} | {auth: Auth}>}
   */
  async list({ path, next, search, accept, appurl }, signal) {
    const clouds = { dropbox: { path, next, search } };
    const answer = await this.#post("/folder/list", { flow: "web", clouds, accept, appurl }, signal);
    const cloud = answer.dropbox ?? {};
    if (cloud.auth) return { auth: cloud.auth };
    if (cloud.error) {
      const { code, message, retry_after: wait } = cloud.error;
      throw new CloudError(code, message, wait);
    }
    return { listing: cloud };
  }

  /**
   * Whether the session is connected; with `wait`, as soon as there is news.
   * @param {{wait?: number, since?: number}} [about]
   * @param {AbortSignal} [signal]
   * @returns {Promise<{time: number, dropbox: {connected: boolean, account?: {email: string, name: string}, failure?: {code: string, message: string, at?: string}}}>}
   */
  async status(about = {}, signal) {
    const answer = await this.#post("/auth/status", about, signal);
    this.time = answer.time;
    return answer;
  }

  /**
   * Copies a file and answers it when it is stored. Sent again with the same `session`, it finds
   * the copy that was begun.
   * @param {string} path
   * @param {string} session
   * @param {AbortSignal} [signal]
   * @returns {Promise<StoredFile>}
   */
  async store(path, session, signal) {
    const clouds = { dropbox: { path, picker_session_id: session, store: {} } };
    const answer = await this.#post("/store/", { flow: "web", clouds }, signal);
    return answer.dropbox;
  }

  /** Signs out, here and at Dropbox. */
  async logout() {
    await this.#post("/auth/logout", { flow: "web", clouds: { dropbox: {} } });
    this.token = undefined;
    forget(this.remembered);
  }

  /**
   * @param {string} path
   * @param {object} body
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  async #post(path, body, signal) {
    const init = {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ apikey: this.apikey, token: this.token, ...body }),
      signal: signal ?? null,
    };
    /** @type {Response} */
    let response;
    try {
      response = await fetch(this.url + path, init);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new CloudError("unreachable", "the server cannot be reached");
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) {
      const wait = Number(response.headers.get("Retry-After")) || undefined;
      const message = answer.error ?? `the server answered ${response.status}`;
      throw new CloudError(answer.code ?? "unexpected", message, wait, answer.c);
    }
    if (answer.token) {
      this.token = answer.token;
      keep(this.remembered, answer.token);
    }
    return answer;
  }
}

// A page may be forbidden to keep anything; the picker then begins anew each time.

/** @param {string} name */
export function recall(name) {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Not kept, then.
  }
}

/** @param {string} name */
function forget(name) {
  try {
    localStorage.removeItem(name);
  } catch {
    // Nothing was kept.
  }
}
