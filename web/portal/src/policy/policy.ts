/**
 * Policies, made in the browser: JSON in base64, and over that text HMAC-SHA256 in hex. The
 * secret is the key and goes nowhere.
 */

/** What a policy may allow. */
export const CALLS = ["pick", "store", "read", "stat", "write", "writeUrl", "convert", "remove", "exif", "runWorkflow"] as const;

export interface Wish {
  /** In seconds since the epoch. */
  expiry: number;
  calls: string[];
  handle?: string;
  path?: string;
  container?: string;
  maxSize?: number;
  minSize?: number;
}

/** The policy as an object, in the order in which it is read; what is empty is left out. */
export function policyOf(wish: Wish): Record<string, unknown> {
  const policy: Record<string, unknown> = { expiry: wish.expiry };
  if (wish.calls.length > 0) policy["call"] = wish.calls;
  for (const name of ["handle", "path", "container", "minSize", "maxSize"] as const) {
    const value = wish[name];
    if (value !== undefined && value !== "") policy[name] = value;
  }
  return policy;
}

/** Base64 that may stand in addresses. */
export function encoded(policy: Record<string, unknown>): string {
  const bytes = new TextEncoder().encode(JSON.stringify(policy));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_");
}

/** HMAC-SHA256 of the encoded policy, keyed with the secret's text, in hex. */
export async function signed(policy: string, secret: string): Promise<string> {
  const bytes = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", bytes.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes.encode(policy)));
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
