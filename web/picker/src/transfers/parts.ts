/**
 * One part of a file on its way to the address that the server gave for it. Uses
 * XMLHttpRequest, because `fetch` does not tell how much of a body has left.
 */

import { Refusal, UNREACHABLE } from "../server/server.js";

/** How long a part may stand still before its line is taken for dead, in ms. */
const STALL_MS = 90_000;

/** Where a part goes, as `/multipart/upload` answers it. */
export interface PartPlace {
  url: string;
  headers: Record<string, string>;
}

/**
 * Sends a part; answers its ETag as the server wrote it. `sent` is called with the bytes that
 * have left so far.
 * @throws {Refusal} when the part was not taken, and the signal's reason when it is aborted.
 */
export function putPart(place: PartPlace, bytes: Blob, sent: (bytes: number) => void, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    let standing: ReturnType<typeof setTimeout> | undefined;
    // A network that is gone without a word would leave it hanging for a quarter of an hour.
    const moves = () => {
      clearTimeout(standing);
      standing = setTimeout(() => {
        lost();
        request.abort();
      }, STALL_MS);
    };
    const end = (settle: () => void) => {
      clearTimeout(standing);
      signal.removeEventListener("abort", stop);
      settle();
    };
    const lost = () => end(() => reject(new Refusal(UNREACHABLE, "the connection was lost")));
    request.upload.addEventListener("progress", (event) => {
      moves();
      sent(Math.min(event.loaded, bytes.size));
    });
    request.addEventListener("error", lost);
    request.addEventListener("timeout", lost);
    request.addEventListener("abort", () => end(() => reject(signal.reason as Error)));
    request.addEventListener("load", () => {
      const etag = request.getResponseHeader("ETag");
      if (request.status >= 200 && request.status < 300 && etag) end(() => resolve(etag));
      else end(() => reject(refusalOf(request)));
    });
    signal.addEventListener("abort", stop, { once: true });
    request.open("PUT", place.url);
    for (const [name, value] of Object.entries(place.headers)) {
      // The browser writes these itself, and refuses to be told.
      if (!/^(content-length|host)$/i.test(name)) request.setRequestHeader(name, value);
    }
    moves();
    request.send(bytes);
  });
}

function refusalOf(request: XMLHttpRequest): Refusal {
  const answer = parsed(request.responseText);
  const code = typeof answer["code"] === "string" ? answer["code"] : undefined;
  const message = typeof answer["error"] === "string" ? answer["error"] : `the server answered ${request.status} to a part`;
  const wait = Number(request.getResponseHeader("Retry-After")) || undefined;
  // A gateway says 502 to 504 without a word of the server's.
  const silent = code === undefined && request.status >= 500;
  return new Refusal(silent ? UNREACHABLE : code ?? "unexpected", message, { wait });
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
