/**
 * The cloud routes of the server, typed: listing, connecting, storing. The protocol is
 * Filestack's cloud API with the members that docs/API.md adds.
 */

import { Refusal, type CallOptions, type Server } from "./server.js";

/** One file or folder as the server lists it. */
export interface CloudEntry {
  name: string;
  /** A folder's ends in `/`. */
  path: string;
  folder: boolean;
  mimetype: string;
  thumbnail: string;
  /** Whether `thumbnail` shows the file itself and not its kind. */
  thumb_exists?: boolean;
  bytes: number;
  /** RFC 3339. */
  modified?: string;
  downloadable?: boolean;
  export_as?: string;
}

export interface CloudPage {
  filename: string;
  contents: CloudEntry[];
  /** Where it goes on; empty on the last page. */
  next: string;
  /** The listing began anew: this is its first page again. */
  restarted?: boolean;
}

export interface CloudAuth {
  redirect_url: string;
  /** Why they connect although they have before. */
  reason?: string;
}

export interface Account {
  email: string;
  name: string;
}

export interface Status {
  /** The server's time in ms. */
  time: number;
  dropbox: {
    connected: boolean;
    account?: Account;
    failure?: { code: string; message: string; at?: string };
  };
}

/** A stored file as a pick answers it. */
export interface CloudFile {
  filename: string;
  handle: string;
  mimetype: string;
  originalPath?: string;
  size: number;
  url: string;
  status?: string;
  key?: string;
  container?: string;
}

/** What lies in a folder and all folders below it. */
export interface FolderFiles {
  files: CloudEntry[];
  bytes: number;
  /** Whether there are more than the limit. */
  more: boolean;
}

/** How far one copy has come. */
export interface CopyProgress {
  path: string;
  /** `waiting` before it has its turn. */
  state: "waiting" | "copying";
  copied: number;
  /** Absent while nobody knows it. */
  size?: number;
}

/** What is wished of a listing. */
export interface ListWish {
  path: string;
  next?: string;
  search?: string;
  /** Where the server sends the person back to after a sign-in in this very tab. */
  appurl?: string;
}

/** What a copy is told about its place. */
export interface StoreWish {
  path: string;
  session: string;
  key: string;
  store: Record<string, unknown>;
  tags?: Record<string, string> | undefined;
}

interface CloudError {
  code: string;
  message: string;
  retry_after?: number;
}

type CloudAnswer<Part> = { dropbox?: Part & { auth?: CloudAuth; error?: CloudError } };

export class Cloud {
  readonly #server: Server;
  /** The server's time as it last told it: what ended before is not news. */
  #time: number | undefined;

  constructor(server: Server) {
    this.#server = server;
  }

  /** One page of a folder or of a search, or where to connect. */
  async list(wish: ListWish, options?: CallOptions): Promise<{ page: CloudPage } | { auth: CloudAuth }> {
    const { appurl, ...dropbox } = wish;
    const body = { flow: "web", clouds: { dropbox }, ...(appurl ? { appurl } : {}) };
    const answer = await this.#server.post<CloudAnswer<CloudPage>>("/folder/list", body, options);
    const part = partOf(answer);
    return part.auth ? { auth: part.auth } : { page: part };
  }

  /** Every file in a folder and below it, up to a limit. */
  async filesOf(path: string, limit: number, accept: string[], options?: CallOptions): Promise<FolderFiles> {
    const body = { flow: "web", clouds: { dropbox: { path, limit } }, ...(accept.length > 0 ? { accept } : {}) };
    return partOf(await this.#server.post<CloudAnswer<FolderFiles>>("/folder/files", body, options));
  }

  /**
   * Whether the session is connected. With `wait` (seconds) the answer comes when there is news
   * since the last answer.
   */
  async status(wait?: number, options?: CallOptions): Promise<Status> {
    const body = wait ? { wait, since: this.#time } : {};
    const answer = await this.#server.post<Status>("/auth/status", body, options);
    this.#time = answer.time;
    return answer;
  }

  /** Signs out, here and at Dropbox. */
  async logout(): Promise<void> {
    await this.#server.post("/auth/logout", { flow: "web", clouds: { dropbox: {} } });
    this.#server.forget();
  }

  /**
   * Copies a file; answers when it is stored. The same session and key find a copy that was
   * begun before, so a lost answer is asked for again and not made twice.
   */
  async store(wish: StoreWish, options: CallOptions = {}): Promise<CloudFile> {
    const { path, session, key, store, tags } = wish;
    const dropbox = { path, picker_session_id: session, store };
    const body = { flow: "web", clouds: { dropbox }, ...(tags ? { upload_tags: tags } : {}) };
    const headers = { ...options.headers, "Idempotency-Key": key };
    const answer = await this.#server.post<CloudAnswer<CloudFile>>("/store/", body, { ...options, headers });
    return partOf(answer);
  }

  /** Ends copies of a picker session: those with these keys, or all. Which were files before has a handle. */
  async cancel(session: string, keys?: string[]): Promise<Partial<CloudFile>[]> {
    const body = { picker_session_id: session, idempotency_keys: keys };
    return (await this.#server.post<{ files: Partial<CloudFile>[] }>("/cancel", body, { keepalive: true })).files;
  }

  /** How far the copies of a picker session are. */
  async progress(session: string, options?: CallOptions): Promise<CopyProgress[]> {
    const body = { picker_session_id: session };
    return (await this.#server.post<{ files: CopyProgress[] }>("/progress", body, options)).files;
  }
}

function partOf<Part>(answer: CloudAnswer<Part>): Part & { auth?: CloudAuth } {
  const part = answer.dropbox;
  if (!part) throw new Refusal("unexpected", "the server's answer has no word of dropbox");
  if (part.error) throw new Refusal(part.error.code, part.error.message, { wait: part.error.retry_after });
  return part;
}
