/**
 * The MD5 of a part, which the server compares with what arrived. Computed in steps, so that the
 * page stays awake.
 */

import { Md5 } from "./md5.js";

/** Bytes digested at once: a few milliseconds. */
const STEP = 512 * 1024;

/** The MD5 of the bytes, base64. */
export async function md5(bytes: Blob, signal: AbortSignal): Promise<string> {
  const digest = new Md5();
  for (let at = 0; at < bytes.size; at += STEP) {
    digest.update(new Uint8Array(await bytes.slice(at, at + STEP).arrayBuffer()));
    signal.throwIfAborted();
  }
  return btoa(String.fromCharCode(...digest.end()));
}
