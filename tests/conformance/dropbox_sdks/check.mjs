// Drives the simulated Dropbox with Dropbox's own JavaScript SDK.
//
// Arguments: the sandbox's URL. The only thing that is not the SDK's own is where requests go.

import assert from 'node:assert/strict'
import sdk from 'dropbox'

const { Dropbox, DropboxAuth } = sdk
const url = process.argv[2]
const clientId = 'sdk-key'
const clientSecret = 'sdk-secret'
const redirect = 'http://localhost:9/callback'

/** Takes every host of Dropbox to be the sandbox. */
const toSandbox = (address, options) =>
  fetch(address.replace(/^https:\/\/((api|content|notify|www)\.)?dropbox(api)?\.com/, url), options)

async function consent(address) {
  const page = await (await toSandbox(address)).text()
  const fields = [...page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)]
  const form = new URLSearchParams(fields.map(([, name, value]) => [name, value]))
  form.set('decision', 'allow')
  const answer = await fetch(`${url}/oauth2/authorize`, { method: 'POST', body: form, redirect: 'manual' })
  return new URL(answer.headers.get('location')).searchParams
}

async function refused(call) {
  try {
    await call()
  } catch (error) {
    return error
  }
  assert.fail('the call was not refused')
}

// PKCE, the way a page without a secret does it.
const auth = new DropboxAuth({ clientId, fetch: toSandbox })
const address = await auth.getAuthenticationUrl(redirect, 'state', 'code', 'offline', undefined, 'none', true)
const answer = await consent(address)
assert.equal(answer.get('state'), 'state')
const tokens = (await auth.getAccessTokenFromCode(redirect, answer.get('code'))).result
assert.match(tokens.account_id, /^dbid:/)
auth.setAccessToken(tokens.access_token)
auth.setRefreshToken(tokens.refresh_token)
const dbx = new Dropbox({ auth, fetch: toSandbox })

const account = (await dbx.usersGetCurrentAccount()).result
assert.equal(account.name.display_name, 'Ann')

const names = []
let page = (await dbx.filesListFolder({ path: '', limit: 2 })).result
names.push(...page.entries)
while (page.has_more) {
  page = (await dbx.filesListFolderContinue({ cursor: page.cursor })).result
  names.push(...page.entries)
}
assert.ok(names.some((entry) => entry.name === 'Docs' && entry['.tag'] === 'folder'))

const odd = (await dbx.filesDownload({ path: '/Docs/é 😀.txt' })).result
assert.equal(odd.name, 'é 😀.txt')
assert.equal(odd.fileBinary.toString(), 'é')

const lost = await refused(() => dbx.filesGetMetadata({ path: '/nowhere' }))
assert.equal(lost.status, 409)
assert.equal(lost.error.error.path['.tag'], 'not_found')
const root = await refused(() => dbx.filesListFolder({ path: '/' }))
assert.equal(root.status, 400)

const uploaded = (await dbx.filesUpload({ path: '/js/ü.txt', contents: 'from node' })).result
assert.equal(uploaded.size, 9)
const link = (await dbx.filesGetTemporaryLink({ path: uploaded.id })).result.link
assert.equal(await (await fetch(link)).text(), 'from node')
const started = (await dbx.filesUploadSessionStart({ contents: 'abc' })).result
const cursor = { session_id: started.session_id, offset: 3 }
await dbx.filesUploadSessionAppendV2({ cursor, contents: 'def' })
const finished = await dbx.filesUploadSessionFinish({
  cursor: { ...cursor, offset: 6 },
  commit: { path: '/js/whole.txt', mode: { '.tag': 'overwrite' } },
  contents: 'ghi',
})
assert.equal(finished.result.size, 9)
const found = (await dbx.filesSearchV2({ query: 'whole' })).result
assert.equal(found.matches[0].metadata.metadata.name, 'whole.txt')
await dbx.filesMoveV2({ from_path: '/js/whole.txt', to_path: '/js/moved.txt' })
const launched = (await dbx.filesCopyBatchV2({
  entries: ['a', 'b'].map((name) => ({ from_path: '/js/moved.txt', to_path: `/js/${name}.txt` })),
})).result
const copied = (await dbx.filesCopyBatchCheckV2({ async_job_id: launched.async_job_id })).result
assert.deepEqual(copied.entries.map((entry) => entry.success.name), ['a.txt', 'b.txt'])
const former = (await dbx.filesListRevisions({ path: '/js/moved.txt' })).result
assert.equal(former.entries[0].size, 9)
const shared = (await dbx.sharingCreateSharedLinkWithSettings({ path: '/js' })).result
const inside = (await dbx.sharingGetSharedLinkFile({ url: shared.url, path: '/a.txt' })).result
assert.equal(inside.fileBinary.toString(), 'abcdefghi')
const again = await refused(() => dbx.sharingCreateSharedLinkWithSettings({ path: '/js' }))
assert.equal(again.error.error.shared_link_already_exists.metadata.url, shared.url)
await dbx.filesDeleteV2({ path: '/js' })

const thumbnail = (await dbx.filesGetThumbnailBatch({ entries: [{ path: '/picture.png' }] })).result
assert.equal(thumbnail.entries[0]['.tag'], 'success')

await auth.refreshAccessToken()
assert.notEqual(auth.getAccessToken(), tokens.access_token)
await dbx.authTokenRevoke()
assert.equal((await refused(() => dbx.usersGetCurrentAccount())).status, 401)
console.log('javascript sdk: all well')
