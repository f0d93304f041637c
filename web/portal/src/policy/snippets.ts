/** The same policy made on a server, in six languages. The secret comes from the environment. */

import type { Snippet } from "../parts/languages.js";

/** A text as a literal in single quotes, where `\` and `'` are escaped by `\`. */
function single(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** A text as a shell writes it. */
function shell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function snippets(policy: Record<string, unknown>): Snippet[] {
  const json = JSON.stringify(policy);
  return [
    {
      name: "JavaScript",
      text: `import { createHmac } from "node:crypto";

const json = ${single(json)};
const policy = Buffer.from(json).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
const signature = createHmac("sha256", process.env.LONGSHORE_SECRET).update(policy).digest("hex");`,
    },
    {
      name: "Python",
      text: `import base64, hashlib, hmac, os

json = ${single(json)}
policy = base64.urlsafe_b64encode(json.encode()).decode()
signature = hmac.new(os.environ["LONGSHORE_SECRET"].encode(), policy.encode(), hashlib.sha256).hexdigest()`,
    },
    {
      name: "Ruby",
      text: `require "base64"
require "openssl"

json = ${single(json)}
policy = Base64.urlsafe_encode64(json)
signature = OpenSSL::HMAC.hexdigest("SHA256", ENV.fetch("LONGSHORE_SECRET"), policy)`,
    },
    {
      name: "PHP",
      text: `<?php
$json = ${single(json)};
$policy = strtr(base64_encode($json), '+/', '-_');
$signature = hash_hmac('sha256', $policy, getenv('LONGSHORE_SECRET'));`,
    },
    {
      name: "Go",
      text: `package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
)

func main() {
	json := []byte(${JSON.stringify(json)})
	policy := base64.URLEncoding.EncodeToString(json)
	mac := hmac.New(sha256.New, []byte(os.Getenv("LONGSHORE_SECRET")))
	mac.Write([]byte(policy))
	fmt.Println(policy, hex.EncodeToString(mac.Sum(nil)))
}`,
    },
    {
      name: "curl",
      text: `policy=$(printf %s ${shell(json)} | base64 | tr -d '\\n' | tr '+/' '-_')
signature=$(printf %s "$policy" | openssl dgst -sha256 -hmac "$LONGSHORE_SECRET" | sed 's/.* //')
curl "${location.origin}/api/file/HANDLE?policy=$policy&signature=$signature"`,
    },
  ];
}
