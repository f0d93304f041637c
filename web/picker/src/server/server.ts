/**
 * One Longshore server, as a page talks to it: JSON posted, JSON answered, and the person's
 * session token kept between calls. Knows nothing of clouds or of what is shown.
 */

/** Policy and signature of an application whose security is switched on. */
export interface Security {
  policy: string;
  signature: string;
}

/** Where a person's session token is kept. */
export interface TokenPlace {
  get(): string | undefined;
  set(token: string | undefined): void;
}

/** Why the server did not do what was asked. `code` is a heading in docs/API.md. */
export class Refusal extends Error {
  readonly code: string;
  /** Seconds to wait, where the server says so. */
  readonly wait: number | undefined;
  /** The request's id, to find it in the server's log. */
  readonly request: string | undefined;

  constructor(code: string, message: string, about: { wait?: number | undefined; request?: string | undefined } = {}) {
    super(message);
    this.code = code;
    this.wait = about.wait;
    this.request = about.request;
  }
}

/** What cannot be reached answers nothing; this code stands for it. */
export const UNREACHABLE = "unreachable";

/** Any thrown thing as a refusal, so that it can be shown. */
export function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal("unexpected", error instanceof Error ? error.message : String(error));
}

/** What a call may carry beside its body. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
  headers?: Record<string, string>;
  /** Whether it is sent to its end although the page goes away. */
  keepalive?: boolean;
  /** How long the answer may take, in ms; for as long as it takes when absent. */
  within?: number;
}

export interface ServerAddress {
  /** The origin (and path before the routes, if there is one), without a slash at the end. */
  url: string;
  apikey: string;
  security?: Security | undefined;
  token: TokenPlace;
}

export class Server {
  readonly url: string;
  readonly apikey: string;
  /** Policy and signature, where the application needs them. */
  readonly security: Security | undefined;
  readonly #token: TokenPlace;

  constructor({ url, apikey, security, token }: ServerAddress) {
    this.url = url.replace(/\/+$/, "");
    this.apikey = apikey;
    this.security = security;
    this.#token = token;
  }

  /** Lets go of the person's session. */
  forget(): void {
    this.#token.set(undefined);
  }

  /**
   * Posts to a route of the protocol, with the application's key and the person's token.
   * @throws {Refusal} for every answer that is no success, and when none comes.
   */
  async post<Answer>(path: string, body: object, { signal, headers, keepalive = false, within }: CallOptions = {}): Promise<Answer> {
    const ends = [signal, within === undefined ? undefined : AbortSignal.timeout(within)].filter((one) => one !== undefined);
    let response: Response;
    try {
      response = await fetch(this.url + path, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: JSON.stringify({ apikey: this.apikey, token: this.#token.get(), ...this.security, ...body }),
        credentials: "omit",
        keepalive,
        signal: AbortSignal.any(ends),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Refusal(UNREACHABLE, "the server cannot be reached");
    }
    const answer = await readJson(response, signal);
    if (!response.ok) {
      // A gateway in front of a server that is starting says 502 to 504 without a word of ours.
      const silent = response.status >= 502 && typeof answer["code"] !== "string";
      throw new Refusal(
        silent ? UNREACHABLE : textOf(answer["code"]) ?? "unexpected",
        textOf(answer["error"]) ?? textOf(answer["detail"]) ?? `the server answered ${response.status}`,
        { wait: Number(response.headers.get("Retry-After")) || undefined, request: textOf(answer["c"]) },
      );
    }
    const token = textOf(answer["token"]);
    if (token) this.#token.set(token);
    return answer as Answer;
  }
}

async function readJson(response: Response, signal?: AbortSignal): Promise<Record<string, unknown>> {
  try {
    const answer: unknown = await response.json();
    return typeof answer === "object" && answer !== null ? (answer as Record<string, unknown>) : {};
  } catch (error) {
    if (signal?.aborted) throw error;
    // Cut off in the middle, or no JSON at all.
    if (response.ok) throw new Refusal(UNREACHABLE, "the server's answer broke off");
    return {};
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
