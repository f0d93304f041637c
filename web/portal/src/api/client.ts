/**
 * Calls of the management API by the portal's session.
 *
 * The session is a cookie that no script sees. What changes something bears the proof that
 * `GET /api/v1/session` answers. A session that was ended is told once to who listens, and the
 * sign-in page takes over.
 */

import type { Session } from "./shapes.js";

/** Where the API lies. */
export const API = "/api/v1";

type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** The API said no, or did not answer (`status` 0): a sentence for people, and the code. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null = null,
  ) {
    super(message);
  }
}

let proof = "";
let signedOut: () => void = () => undefined;

/** Keeps the proof of a session that began. */
export function began(session: Session): void {
  proof = session.csrf;
}

/** Says what happens when the session is found to be over. */
export function whenSignedOut(listener: () => void): void {
  signedOut = listener;
}

/** A sentence as sentences stand on a page: capital first, full stop. */
function sentence(text: string): string {
  const trimmed = text.trim();
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.?:]$/.test(first) ? first : `${first}.`;
}

async function refusal(answer: Response): Promise<Refused> {
  let told: Record<string, unknown> = {};
  try {
    told = (await answer.json()) as Record<string, unknown>;
  } catch {
    // A proxy's own page; the status says enough.
  }
  const text = (name: string) => (typeof told[name] === "string" ? told[name] : "");
  const detail = text("detail") || text("title") || text("error") || `The server answers with status ${answer.status}`;
  const wait = answer.headers.get("Retry-After");
  const words = sentence(detail) + (wait && answer.status === 429 ? ` Try again in ${wait} s.` : "");
  const code = text("type").split("/").pop() || text("code");
  return new Refused(answer.status, code, words, text("request_id") || null);
}

async function once(method: Method, path: string, body: unknown): Promise<Response> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && proof) headers["X-Longshore-CSRF"] = proof;
  try {
    return await fetch(API + path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Refused(0, "unreachable", "The server cannot be reached. Check the connection and try again.");
  }
}

async function read<T>(answer: Response): Promise<T> {
  if (!answer.ok) throw await refusal(answer);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** A call before anybody is signed in; a wrong password is an answer like others. */
export async function knock<T>(method: Method, path: string, body?: unknown): Promise<T> {
  return read<T>(await once(method, path, body));
}

/** A call by who is signed in. */
export async function ask<T>(method: Method, path: string, body?: unknown): Promise<T> {
  try {
    return await knock<T>(method, path, body);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.code === "csrf") {
      // Signed in anew in another tab: the proof belongs to the session before.
      began(await knock<Session>("GET", "/session"));
      return knock<T>(method, path, body);
    }
    if (isOver(error)) signedOut();
    throw error;
  }
}

/** Whether an answer means that nobody is signed in. */
export function isOver(error: unknown): boolean {
  return error instanceof Refused && error.status === 401 && ["signed-out", "wrong-credentials"].includes(error.code);
}

/** Reads. */
export function get<T>(path: string): Promise<T> {
  return ask<T>("GET", path);
}

/** A query with what is not empty. */
export function query(parts: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text && `?${text}`;
}

/** The sentence of whatever went wrong. */
export function words(error: unknown): string {
  return error instanceof Refused ? error.message : `Something in this page went wrong: ${String(error)}`;
}
