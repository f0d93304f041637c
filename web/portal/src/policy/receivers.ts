/**
 * How a subscriber checks a signature, in five languages: the code of `docs/webhooks.md`, where it
 * is tried as it is written. A test holds both together.
 */

import type { Snippet } from "../parts/languages.js";

export const RECEIVERS: Snippet[] = [
  {
    name: "JavaScript",
    text: `import crypto from 'node:crypto'
import express from 'express'

const app = express()
app.post('/hooks/longshore', express.raw({ type: 'application/json' }), (req, res) => {
  const timestamp = req.get('FS-Timestamp') ?? ''
  const expected = crypto.createHmac('sha256', process.env.LONGSHORE_SECRET)
    .update(timestamp + '.').update(req.body).digest()
  const given = Buffer.from(req.get('FS-Signature') ?? '', 'hex')
  const fresh = Math.abs(Date.now() / 1000 - Number(timestamp)) < 300
  if (!fresh || given.length !== expected.length || !crypto.timingSafeEqual(given, expected)) {
    return res.sendStatus(401)
  }
  const event = JSON.parse(req.body)
  queue.add(event)                       // work later, answer now
  res.sendStatus(204)
})`,
  },
  {
    name: "Python",
    text: `import hashlib, hmac, os, time
from flask import Flask, abort, request

app = Flask(__name__)

@app.post("/hooks/longshore")
def hook():
    timestamp = request.headers.get("FS-Timestamp", "")
    text = timestamp.encode() + b"." + request.get_data()
    expected = hmac.new(os.environ["LONGSHORE_SECRET"].encode(), text, hashlib.sha256).hexdigest()
    fresh = timestamp.isdigit() and abs(time.time() - int(timestamp)) < 300
    if not fresh or not hmac.compare_digest(expected, request.headers.get("FS-Signature", "")):
        abort(401)
    event = request.get_json()
    return "", 204`,
  },
  {
    name: "Ruby",
    text: `class LongshoreController < ActionController::API
  def create
    timestamp = request.headers["FS-Timestamp"].to_s
    expected = OpenSSL::HMAC.hexdigest("SHA256", ENV.fetch("LONGSHORE_SECRET"), "#{timestamp}.#{request.raw_post}")
    fresh = (Time.now.to_i - timestamp.to_i).abs < 300
    unless fresh && ActiveSupport::SecurityUtils.secure_compare(expected, request.headers["FS-Signature"].to_s)
      return head :unauthorized
    end
    event = JSON.parse(request.raw_post)
    head :no_content
  end
end`,
  },
  {
    name: "PHP",
    text: `$body = file_get_contents('php://input');
$timestamp = $_SERVER['HTTP_FS_TIMESTAMP'] ?? '';
$expected = hash_hmac('sha256', "$timestamp.$body", getenv('LONGSHORE_SECRET'));
$fresh = abs(time() - (int) $timestamp) < 300;
if (!$fresh || !hash_equals($expected, $_SERVER['HTTP_FS_SIGNATURE'] ?? '')) {
    http_response_code(401);
    exit;
}
$event = json_decode($body, true);
http_response_code(204);`,
  },
  {
    name: "Go",
    text: `func hook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 256<<10))
	if err != nil {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	timestamp := r.Header.Get("FS-Timestamp")
	mac := hmac.New(sha256.New, []byte(os.Getenv("LONGSHORE_SECRET")))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	given, _ := hex.DecodeString(r.Header.Get("FS-Signature"))
	seconds, _ := strconv.ParseInt(timestamp, 10, 64)
	fresh := time.Since(time.Unix(seconds, 0)).Abs() < 5*time.Minute
	if !fresh || !hmac.Equal(given, mac.Sum(nil)) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}`,
  },
];
