// The unmodified filestack-js, its hosts led to our server, does what a customer's page and
// server do with it.
//
//     node check.mjs MODULE SCENE.json
//
// MODULE is the package to load, SCENE.json tells what lies where (tests/conformance_filestack.rs
// writes it).

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { createRequire } from 'node:module';

const [name, file] = process.argv.slice(2);
const scene = JSON.parse(fs.readFileSync(file, 'utf8'));
const sdk = createRequire(import.meta.url)(name);

// The SDK asks the hosts of a cname; all of them are our server's one port. It speaks https
// alone, so the scheme is taken off the shared table of hosts, which later clients use too.
const server = new URL(scene.url);
http.Agent.prototype.createConnection = (options, ready) => {
  assert.match(options.host, /\.longshore\.test$/, 'no other host is asked');
  return net.createConnection({ host: server.hostname, port: server.port }, ready);
};
const { urls } = sdk.init(scene.open.apikey, { cname: 'longshore.test' }).session;
for (const [role, url] of Object.entries(urls)) urls[role] = url.replace('https:', 'http:');

const open = (app, security) => sdk.init(app.apikey, { security });
const later = () => Math.floor(Date.now() / 1000) + 600;
const allowing = (app, ...call) => sdk.getSecurity({ expiry: later(), call }, app.secret);
const here = (url) => url.replace(/^http:\/\/[^/]+/, scene.url);
const digest = (algorithm, bytes) => crypto.createHash(algorithm).update(bytes).digest('hex');
const picture = fs.readFileSync(scene.picture);

async function refused(work, status, words) {
  const error = await work.then(
    (answer) => assert.fail(`it was allowed: ${JSON.stringify(answer)}`),
    (error) => error,
  );
  assert.equal(error.response?.status, status, error.stack);
  // Parsed by the SDK, so announced as JSON; and of the protocol's shape.
  const { error: message, c, i, t } = error.response.data;
  assert.match(message, words);
  assert.ok(c && i && Math.abs(t - Date.now() / 1000) < 60, JSON.stringify(error.response.data));
}

// What a person's browser does between the picker's window and Dropbox's pages.
async function consent(url) {
  let answer = await fetch(url, { redirect: 'manual' });
  for (let hops = 0; answer.headers.get('location') && hops < 5; hops += 1) {
    url = new URL(answer.headers.get('location'), url).href;
    answer = await fetch(url, { redirect: 'manual' });
  }
  const page = await answer.text();
  const field = (wanted) => page.match(new RegExp(`name="${wanted}" value="([^"]*)"`))[1];
  const decided = await fetch(new URL('/oauth2/authorize', url), {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: new URL(url).origin },
    body: new URLSearchParams({
      consent: field('consent'),
      account: field('account'),
      decision: 'allow',
    }),
  });
  const back = await fetch(decided.headers.get('location'));
  assert.equal(back.status, 200, await back.text());
}

async function connect(client) {
  const asked = await client.cloud.list({ dropbox: { path: '/' } });
  assert.equal(client.cloud.token, asked.token);
  await consent(asked.dropbox.auth.redirect_url);
}

async function prefetch() {
  const client = open(scene.open);
  const pickerOptions = { fromSources: ['dropbox'], onOpen: () => 'opened' };
  const told = await client.prefetch({
    pickerOptions,
    permissions: ['intelligent_ingestion', 'whitelabel', 'transforms_ui'],
    settings: ['inapp_browser'],
    events: ['picker'],
  });
  assert.equal(told.blocked, false);
  assert.equal(told.settings.inapp_browser, false);
  assert.equal(typeof told.permissions.whitelabel, 'boolean');
  assert.equal(told.pickerOptions.onOpen(), 'opened');
  assert.equal(client.session.prefetch, told);
  await refused(open({ apikey: 'Aunknown' }).prefetch({}), 401, /./);
}

async function cloud() {
  const client = open(scene.open);
  // At opening a picker asks for all its clouds at once.
  const all = await client.cloud.list({ dropbox: { path: '/' }, facebook: { path: '/' } });
  assert.ok(all.dropbox.auth.redirect_url && all.facebook && all.token);
  await connect(client);
  const { dropbox } = await client.cloud.list({ dropbox: { path: '/' } });
  const names = dropbox.contents.map((item) => item.name);
  assert.deepEqual(names, ['Photos', 'note.txt']);
  const folder = dropbox.contents[0];
  assert.ok(folder.folder && folder.path.endsWith('/') && new URL(folder.thumbnail));
  const cancel = {};
  const inside = await client.cloud.list({ dropbox: { path: folder.path } }, cancel, 'image/*');
  assert.deepEqual(inside.dropbox.contents.map((item) => item.name), ['harbor.png']);
  const item = inside.dropbox.contents[0];
  assert.equal(item.bytes, picture.length);

  const options = { path: '/shots/', filename: 'mine.png', access: 'private' };
  const tags = { order: '7' };
  const picked = await client.cloud.store('dropbox', item.path, options, {}, {}, tags, 's1');
  assert.match(picked.handle, /^[A-Za-z0-9]{20}$/);
  assert.equal(picked.filename, 'mine.png');
  assert.equal(picked.mimetype, 'image/png');
  assert.equal(picked.size, picture.length);
  assert.equal(picked.client, 'Dropbox');
  assert.equal(picked.status, 'Stored');
  assert.deepEqual(picked.upload_tags, tags);
  assert.match(picked.key, /^shots\//);

  await refused(client.cloud.store('facebook', '/x'), 400, /facebook/);
  assert.deepEqual(await client.logout('dropbox'), {});
  const after = await client.cloud.list({ dropbox: { path: '/' } });
  assert.ok(after.dropbox.auth);
  await client.logout();
  return picked.handle;
}

async function reading(handle) {
  const client = open(scene.open);
  const { data } = await client.download(handle);
  assert.ok(picture.equals(Buffer.from(data)), 'the bytes are the same');
  assert.ok(picture.equals(Buffer.from(await client.retrieve(handle, { extension: 'png' }))));
  assert.ok(picture.equals(Buffer.from(await client.retrieve(handle, { dl: true, cache: true }))));
  const head = await client.retrieve(handle, { head: true });
  assert.equal(head['content-type'], 'image/png');
  assert.equal(Number(head['content-length']), picture.length);
  assert.equal((await client.retrieve(handle, { metadata: true })).filename, 'mine.png');
  // Without tasks a transformation is the file itself.
  const plain = await fetch(here(client.transform(handle, {})));
  assert.ok(picture.equals(Buffer.from(await plain.arrayBuffer())));
  const security = allowing(scene.open, 'read');
  const guarded = await fetch(here(open(scene.open, security).transform(handle, {})));
  assert.equal(guarded.status, 200);
  await refused(client.metadata('AAAAAAAAAAAAAAAAAAAA'), 404, /./);
}

// A link is fetched from where the server reaches it: here, the file itself.
async function storing(handle) {
  const client = open(scene.open);
  const address = `${scene.url}/${handle}?dl=true`;
  const store = { path: 'links/', filename: 'stored.png' };
  const stored = await client.storeURL(address, store, {}, undefined, { from: 'a link' });
  assert.match(stored.key, /^links\//);
  assert.equal(stored.filename, 'stored.png');
  assert.equal(stored.mimetype, 'image/png');
  assert.deepEqual(stored.uploadTags, { from: 'a link' });
  const again = await client.storeURL(handle, { path: 'copies/' });
  assert.notEqual(again.handle, handle);
  for (const one of [stored.handle, again.handle]) {
    const { data } = await client.download(one);
    assert.ok(picture.equals(Buffer.from(data)));
  }
  await refused(client.storeURL('AAAAAAAAAAAAAAAAAAAA'), 404, /./);

  const app = scene.secured;
  await refused(open(app).storeURL(address, store), 403, /./);
  await refused(open(app, allowing(app, 'read')).storeURL(address, store), 403, /store/i);
  const elsewhere = sdk.getSecurity({ expiry: later(), call: ['store'], path: '/x/' }, app.secret);
  await refused(open(app, elsewhere).storeURL(address, store), 403, /path/);
  const may = allowing(app, 'store');
  const allowed = await open(app, may).storeURL(address, store);
  assert.match(allowed.handle, /^[A-Za-z0-9]{20}$/);

  // As the SDKs for Go (GET) and Ruby (POST) write it.
  const task = `store=location:S3,path:"links/"/security=s:${may.signature},p:${may.policy}`;
  for (const method of ['GET', 'POST']) {
    const answer = await fetch(`${scene.url}/${app.apikey}/${task}/${address}`, { method });
    const file = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(file));
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    for (const name of ['container', 'filename', 'key', 'type', 'url', 'handle']) {
      assert.equal(typeof file[name], 'string', name);
    }
    assert.equal(file.size, picture.length);
  }
}

async function metadata(handle) {
  const client = open(scene.open);
  const few = await client.metadata(handle);
  assert.equal(few.size, picture.length);
  assert.equal(few.mimetype, 'image/png');
  assert.equal(few.writeable, true);
  assert.ok(Math.abs(few.uploaded - Date.now()) < 600_000);
  const hashes = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'];
  const texts = ['location', 'path', 'container', 'cloud', 'filename', 'mimetype'];
  const numbers = ['size', 'width', 'height', 'uploaded'];
  const names = [...hashes, ...texts, ...numbers, 'writeable', 'sourceUrl'];
  const every = Object.fromEntries(names.map((one) => [one, true]));
  const told = await client.metadata(handle, every, allowing(scene.open, 'stat'));
  for (const one of hashes) assert.equal(told[one], digest(one, picture), one);
  for (const one of texts) assert.equal(typeof told[one], 'string', one);
  for (const one of numbers) assert.equal(typeof told[one], 'number', one);
  assert.deepEqual([told.width, told.height], [30, 20]);
  assert.match(told.sourceUrl, /harbor\.png$/i);
  assert.equal(told.source_url, told.sourceUrl);
  await refused(client.metadata(handle, { exif: true }), 403, /exif/);
  const exif = await client.metadata(handle, { exif: true }, allowing(scene.open, 'stat', 'exif'));
  assert.ok('exif' in exif);
}

async function policies() {
  const app = scene.secured;
  const clouds = { dropbox: { path: '/' } };
  await refused(open(app).cloud.list(clouds), 401, /Invalid Policy/);
  const expired = sdk.getSecurity({ expiry: 1, call: ['pick', 'read'] }, app.secret);
  await refused(open(app, expired).cloud.list(clouds), 401, /Invalid Policy/);
  const foreign = allowing(scene.open, 'pick', 'read');
  await refused(open(app, foreign).cloud.list(clouds), 401, /Invalid Policy/);
  await refused(open(app, allowing(app, 'read')).cloud.list(clouds), 401, /Invalid Policy/);
  await refused(open(app, expired).prefetch({}), 401, /Invalid Policy/);

  // The characters make both alphabets differ; the SDK uses the standard one.
  const mark = '?>?>~~';
  const pick = sdk.getSecurity({ expiry: later(), call: ['pick'], handle: mark }, app.secret);
  const client = open(app, pick);
  await connect(client);
  const { handle } = await client.cloud.store('dropbox', '/note.txt');
  const read = { expiry: later(), call: ['read'], handle };
  for (const security of [allowing(app, 'read'), sdk.getSecurity(read, app.secret)]) {
    const { data } = await open(app, security).download(handle);
    assert.equal(String(data), 'a note');
  }
  await refused(open(app).download(handle), 403, /./);
  await refused(open(app, allowing(app, 'stat')).download(handle), 403, /read/i);
  await refused(open(app).download(handle, expired), 403, /The signature has expired/);
  const other = sdk.getSecurity({ ...read, handle: 'AAAAAAAAAAAAAAAAAAAA' }, app.secret);
  await refused(open(app).download(handle, other), 403, /handle/);
  await refused(open(app).metadata(handle), 403, /./);
  assert.equal((await open(app).metadata(handle, {}, allowing(app, 'stat'))).size, 6);

  const small = sdk.getSecurity({ expiry: later(), call: ['pick'], maxSize: 5 }, app.secret);
  const limited = open(app, small);
  limited.cloud.token = client.cloud.token;
  await refused(limited.cloud.store('dropbox', '/note.txt'), 413, /5 is the limit/);

  await refused(open(app).remove(handle, allowing(app, 'read')), 403, /remove/i);
  const removed = await open(app).remove(handle, allowing(app, 'remove'));
  assert.equal(removed.data, 'success');
  await refused(open(app).metadata(handle, {}, allowing(app, 'stat')), 404, /./);
}

async function removing(handle) {
  const client = open(scene.open);
  assert.throws(() => client.remove(handle), /security/i);
  const removed = await client.removeMetadata(handle, allowing(scene.open, 'remove'));
  assert.equal(removed.status, 200);
  await refused(client.download(handle), 404, /./);
  await refused(client.remove(handle, allowing(scene.open, 'remove')), 404, /./);
}

function webhook() {
  const { secret, body, timestamp, signature } = scene.delivery;
  assert.equal(sdk.validateWebhookSignature(secret, body, { timestamp, signature }), true);
  assert.equal(sdk.validateWebhookSignature(secret, `${body} `, { timestamp, signature }), false);
  assert.equal(sdk.validateWebhookSignature('other', body, { timestamp, signature }), false);
  const told = JSON.parse(body);
  assert.equal(told.action, 'fp.upload');
  assert.ok(Number.isInteger(told.id) && Number.isInteger(told.timestamp));
  assert.equal(told.text.client, 'Dropbox');
}

await prefetch();
const handle = await cloud();
await reading(handle);
await storing(handle);
await metadata(handle);
await policies();
await removing(handle);
webhook();
process.exit(0);
