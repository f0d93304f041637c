// The unmodified filestack-js uploads files, in parts and with intelligent ingestion.
//
//     node upload.mjs MODULE ORIGIN APIKEY FILE LINKS
//
// tests/conformance_filestack.rs runs it behind a front that lets one part fail, which the SDK
// sends again. Prints the answers, one in a line.

import assert from 'node:assert/strict';
import https from 'node:https';
import { createRequire } from 'node:module';
import tls from 'node:tls';

const [name, origin, apikey, file, links] = process.argv.slice(2);
const sdk = createRequire(import.meta.url)(name);

// On Node the SDK takes host and port together for the name of a host, and finds none.
const { hostname, port } = new URL(origin);
https.Agent.prototype.createConnection = ({ host }) => {
  assert.equal(host, `${hostname}:${port}`, 'no other host is asked');
  return tls.connect({ host: hostname, port, servername: hostname });
};

// The hosts of a cname are all on the one origin here.
const client = sdk.init(apikey, { cname: 'longshore.test' });
const { urls } = client.session;
for (const [role, url] of Object.entries(urls)) urls[role] = url.replace(/^https:\/\/[^/]+/, origin);

const options = { retry: 5 };
const store = { path: 'javascript/' };
const whole = await client.upload(file, { ...options, tags: { from: 'javascript' } }, store);
const ingested = await client.upload(file, { ...options, intelligent: true }, store);
const small = await client.upload(Buffer.from('small'), {}, { filename: 'small.txt' });
// A link is fetched from where the server reaches it: here, the file that was just sent.
const linked = await client.storeURL(`${links}/${whole.handle}`, store, undefined, undefined, {
  from: 'a link',
});
for (const { handle, url, status, container, key, uploadTags, size } of [whole, ingested, small, linked]) {
  console.log(JSON.stringify({ handle, url, status, container, key, upload_tags: uploadTags, size }));
}
process.exit(0);
