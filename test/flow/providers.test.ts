// The ways of Gmail, of Exchange and of servers that are odd, told word for word by a scripted server: each with the code, the hint
// and the end that its operator wants.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { type AccountDetail, getAccount } from '../../src/store/accounts/accounts.ts'
import { takeAccounts } from '../../src/store/accounts/leases.ts'
import { findSourceDetails, type SourceDetail } from '../../src/store/ingest/source-rows.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { type Script, type ScriptedMail, type ScriptedServer, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

let world: World
let daemon: Daemon
beforeAll(async () => {
  world = await createWorld({ LETTERLOCK_MAIL_MAX_BYTES: '100000', LETTERLOCK_POLL_TIMEOUT_SECONDS: '20' })
  daemon = await world.start()
})
afterAll(() => world[Symbol.asyncDispose]())

const mailOf = (uid: number): ScriptedMail => ({
  uid,
  source: rawMail({ id: `${uid}@x`, subject: `mail ${uid}`, body: `body ${uid}` }),
})
const mails = (count: number): ScriptedMail[] => Array.from({ length: count }, (_, i) => mailOf(i + 1))

type Change = Parameters<World['add']>[2]

interface Case extends AsyncDisposable {
  server: ScriptedServer
  id: number
  account(): Promise<AccountDetail>
  poll(): Promise<AccountDetail>
  /** What became of its mails, by UID. */
  sources(): Promise<SourceDetail[]>
}

let cases = 0

/** An account at a server that keeps to this script, after its first poll. */
async function startCase(script: Partial<Script>, change: Change = {}): Promise<Case> {
  const server = await startScriptedServer(script)
  // Not by its port: a later server may get the same.
  cases += 1
  const address = `case${cases}@x`
  const id = await world.add(server.destination, 'never-to-be-seen', { address, ...change })
  // Not only at the daemon's next round.
  await takeAccounts(world.db, daemon.workerId, 1, 'all')
  await world.poll(id)
  const account = () => getAccount(world.db, String(id))
  return {
    server,
    id,
    account,
    async poll() {
      await world.poll(id)
      return await account()
    },
    async sources() {
      const all = await findSourceDetails(world.db, { limit: 10_000 })
      return all.filter(source => source.account === address).sort((a, b) => a.uid - b.uid)
    },
    async [Symbol.asyncDispose]() {
      await world.db('accounts').where({ id }).update({ enabled: false })
      await server[Symbol.asyncDispose]()
    },
  }
}

const endsOf = (sources: readonly SourceDetail[]) => sources.map(({ uid, result }) => `${uid} ${result}`)

const appPassword =
  'NO [ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)'
const browser =
  'NO [ALERT] Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754 (Failure)'
const imapOff =
  'NO [ALERT] Your account is not enabled for IMAP use. Please visit your Gmail settings page and enable your account for IMAP access. (Failure)'
const bandwidth = 'Account exceeded command or bandwidth limits. (Failure)'
const plain = [...['IMAP4rev1', 'UIDPLUS'], 'AUTH=PLAIN']

test.each<[string, string, RegExp, Partial<Script>]>([
  [
    'a wrong password at Gmail',
    'imap.auth_refused',
    /enter the password again/i,
    { login: 'NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)' },
  ],
  [
    'Gmail wants an app password',
    'imap.auth_refused',
    /create an app password .* --password-stdin/i,
    { login: appPassword },
  ],
  [
    'Gmail wants a web login',
    'imap.auth_refused',
    /log in to the mailbox once with a web browser/i,
    { login: 'NO [WEBALERT https://accounts.google.com/signin/continue?sarp=1&scc=1] Web login required. (Failure)' },
  ],
  [
    'Gmail asks for the browser',
    'imap.auth_refused',
    /log in to the mailbox once with a web browser/i,
    { login: browser },
  ],
  ['IMAP is turned off at Gmail', 'imap.auth_refused', /turn IMAP on in the settings/i, { login: imapOff }],
  [
    'Exchange refuses AUTHENTICATE',
    'imap.auth_refused',
    /need OAuth/,
    { capabilities: plain, refuse: { AUTHENTICATE: 'NO AUTHENTICATE failed.' } },
  ],
  ['Exchange refuses LOGIN', 'imap.auth_refused', /need OAuth/, { login: 'NO LOGIN failed.' }],
  [
    'basic authentication is off',
    'imap.auth_refused',
    /takes no passwords.*needs OAuth/,
    { login: 'NO [AUTHENTICATIONFAILED] Basic authentication is disabled.' },
  ],
  [
    'no way to log in with a password',
    'imap.auth_refused',
    /takes no passwords.*needs OAuth/,
    { capabilities: ['IMAP4rev1', 'LOGINDISABLED', 'AUTH=XOAUTH2'] },
  ],
  [
    'an expired password',
    'imap.auth_refused',
    /has expired/,
    { login: 'NO [EXPIRED] That password is not valid any more' },
  ],
])('%s: suspended, %s, with a hint that says so', async (_, code, hint, script) => {
  await using it = await startCase({ mails: mails(1), ...script })
  const account = await it.account()
  expect(account).toMatchObject({ state: 'failing', code, hint: expect.stringMatching(hint) })
  expect((account.hint ?? '').split('; the server said: “')[0]).not.toMatch(/http|Failure/)
  expect(account.nextAttemptAt?.getTime()).toBeGreaterThan(Date.now() + 50 * 60_000)
})

test.each<[string, string, RegExp, Partial<Script>]>([
  [
    'Gmail’s bandwidth at login',
    'imap.throttled',
    /limit of what may be read in a day/,
    { login: `NO [OVERQUOTA] ${bandwidth}` },
  ],
  [
    'Gmail’s bandwidth at login, as an alert',
    'imap.throttled',
    /limit of what may be read in a day/,
    { login: `NO [ALERT] ${bandwidth}` },
  ],
  [
    'Gmail’s bandwidth at EXAMINE',
    'imap.throttled',
    /limit of what may be read in a day/,
    { refuse: { EXAMINE: `NO [OVERQUOTA] ${bandwidth}` } },
  ],
  [
    'Gmail’s bandwidth in the middle',
    'imap.throttled',
    /limit of what may be read in a day/,
    { refuse: { 'UID FETCH': `BYE [ALERT] ${bandwidth}` } },
  ],
  ['[THROTTLED]', 'imap.throttled', /later, automatically/, { refuse: { 'UID FETCH': 'NO [THROTTLED] later' } }],
  [
    'too many connections at login',
    'imap.throttled',
    /too many connections are open/i,
    { login: 'NO [ALERT] Too many simultaneous connections. (Failure)' },
  ],
  [
    'too many connections at once',
    'imap.throttled',
    /too many connections are open/i,
    { greeting: 'BYE Too many simultaneous connections' },
  ],
  [
    'Dovecot’s limit',
    'imap.throttled',
    /too many connections are open/i,
    { login: 'NO [LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)' },
  ],
  [
    'login that cannot be checked',
    'imap.auth_unavailable',
    /automatically/,
    { login: 'NO [UNAVAILABLE] Temporary authentication failure' },
  ],
  [
    'authenticated but not connected',
    'imap.unavailable',
    /automatically/,
    { refuse: { EXAMINE: 'BAD User is authenticated but not connected.' } },
  ],
  [
    'NO [UNAVAILABLE] at EXAMINE',
    'imap.unavailable',
    /automatically/,
    { refuse: { EXAMINE: 'NO [UNAVAILABLE] Backend is down' } },
  ],
  [
    'NO [UNAVAILABLE] at SEARCH',
    'imap.unavailable',
    /automatically/,
    { refuse: { 'UID SEARCH': 'NO [UNAVAILABLE] Backend is down' } },
  ],
  ['NO [INUSE] at EXAMINE', 'imap.unavailable', /automatically/, { refuse: { EXAMINE: 'NO [INUSE] Mailbox in use' } }],
  ['Server Unavailable at once', 'imap.unavailable', /automatically/, { greeting: 'BYE Server Unavailable. 15' }],
  [
    'Server Unavailable later',
    'imap.unavailable',
    /automatically/,
    { refuse: { EXAMINE: 'BYE Server Unavailable. 15' } },
  ],
  ['a greeting that only says goodbye', 'imap.connection_lost', /automatically/, { greeting: 'BYE sorry' }],
  ['a refusal that says nothing', 'imap.refused', /own log says why/, { refuse: { EXAMINE: 'NO no' } }],
])('%s: %s, tried again soon, and all comes in once it is over', async (_, code, hint, script) => {
  await using it = await startCase({ mails: mails(3), ...script })
  const account = await it.account()
  expect(account).toMatchObject({ state: 'failing', code, hint: expect.stringMatching(hint) })
  expect(account.nextAttemptAt?.getTime()).toBeLessThan(Date.now() + 60_000)
  const before = it.server.accepted()
  Object.assign(it.server.script, { login: 'OK done', refuse: {}, greeting: undefined })
  expect(await it.poll()).toMatchObject({ state: 'active', code: null, failures: 0 })
  expect(endsOf(await it.sources())).toEqual(['1 created', '2 created', '3 created'])
  // A connection on which that was said is not used again.
  expect(it.server.accepted()).toBe(before + 1)
})

test.each(['LOGIN', 'EXAMINE', 'UID SEARCH', 'UID FETCH'])(
  'Exchange throttles %s: the account comes back when Exchange said, not earlier, and no mail is blamed',
  async command => {
    const throttled = 'BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds'
    await using it = await startCase({ mails: mails(3), refuse: { [command]: throttled } })
    const { code, nextAttemptAt, lastAttemptAt } = await it.account()
    expect(code).toBe('imap.throttled')
    expect(Math.abs(Number(nextAttemptAt) - Number(lastAttemptAt) - 92_415)).toBeLessThan(100)
    await until(async () => it.server.connections() === 0)
    expect(it.server.commands.filter(line => line.startsWith(command))).toHaveLength(1)
    for (let i = 0; i < 6; i++) await it.poll()
    it.server.script.refuse = {}
    expect(await it.poll()).toMatchObject({ state: 'active' })
    expect(endsOf(await it.sources())).toEqual(['1 created', '2 created', '3 created'])
  },
)

test('Gmail: a mail with several labels is one ticket, its other places are duplicates', async () => {
  const inbox = mails(2)
  const all = [{ ...mailOf(1), uid: 71 }, mailOf(3), { ...mailOf(2), uid: 72 }].sort((a, b) => a.uid - b.uid)
  const gmail = [
    'IMAP4rev1',
    'UNSELECT',
    'IDLE',
    'NAMESPACE',
    'QUOTA',
    'ID',
    'XLIST',
    'CHILDREN',
    'X-GM-EXT-1',
    'UIDPLUS',
    'MOVE',
  ]
  await using it = await startCase(
    { capabilities: gmail, mails: inbox, others: { '[Gmail]/All Mail': all } },
    { mailboxes: ['INBOX', '[Gmail]/All Mail'] },
  )
  const sources = await it.sources()
  expect(sources.map(({ mailbox, uid, result, reason }) => `${mailbox} ${uid} ${result} ${reason}`).sort()).toEqual([
    'INBOX 1 created new',
    'INBOX 2 created new',
    '[Gmail]/All Mail 3 created new',
    '[Gmail]/All Mail 71 duplicate content',
    '[Gmail]/All Mail 72 duplicate content',
  ])
  expect(await world.db('tickets').where({ account_id: it.id })).toHaveLength(3)
})

test('Exchange: without UIDPLUS, MOVE, CONDSTORE and IDLE a mail is copied and marked, never expunged', async () => {
  await using it = await startCase(
    { capabilities: ['IMAP4', 'IMAP4rev1', 'NAMESPACE', 'LITERAL+'], mails: mails(2), others: { Done: [] } },
    { afterIngest: 'move:Done' },
  )
  expect(await it.account()).toMatchObject({ state: 'active' })
  const { commands } = it.server
  expect(commands.filter(line => /^UID COPY 1:2 "?Done/.test(line))).toHaveLength(1)
  expect(commands.filter(line => /^UID STORE 1:2 \+FLAGS.*\\Deleted/.test(line))).toHaveLength(1)
  expect(commands.filter(line => /EXPUNGE|CLOSE|IDLE|CONDSTORE/.test(line))).toEqual([])
})

test('a target mailbox that is full is told as such, and mail comes in meanwhile', async () => {
  await using it = await startCase(
    {
      mails: mails(2),
      others: { Done: [] },
      refuse: { 'UID MOVE': 'NO [OVERQUOTA] Quota exceeded (mailbox for user is full)' },
    },
    { afterIngest: 'move:Done' },
  )
  expect(await it.account()).toMatchObject({ code: 'imap.refused', hint: expect.stringMatching(/is full.*make room/i) })
  expect(endsOf(await it.sources())).toEqual(['1 created', '2 created'])
})

test('Exchange: a size that is not that of the bytes is not believed', async () => {
  await using it = await startCase({
    mails: mails(3),
    claimedSizes: new Map([
      [1, 9],
      [2, 90_000],
      [3, 0],
    ]),
  })
  const raw = openRawDirectory(`${world.directory}/raw`)
  const sources = await it.sources()
  expect(endsOf(sources)).toEqual(['1 created', '2 created', '3 created'])
  for (const { uid, size, place } of sources) {
    const { source } = mailOf(uid)
    expect(size).toBe(source.length)
    expect(await raw.read(place as NonNullable<typeof place>)).toEqual(source)
  }
})

test.each([
  ['NO', 'NO [CANNOT] The message could not be converted'],
  ['BAD', 'BAD Command Error. 12'],
  ['NO [UNAVAILABLE]', 'NO [UNAVAILABLE] Message 4 cannot be read'],
])(
  'a mail for which the server answers %s is quarantined at the fifth failure, and the others come in',
  async (_, text) => {
    await using it = await startCase({ mails: mails(9), refuseMails: new Map([[4, text]]) })
    const before = ['1 created', '2 created', '3 created']
    expect(await it.account()).toMatchObject({ state: 'failing', failures: 1 })
    for (let tries = 2; tries <= 5; tries++) {
      expect(endsOf(await it.sources())).toEqual(before)
      expect(await it.poll()).toMatchObject({ state: 'failing', failures: tries })
    }
    expect(await it.poll()).toMatchObject({ state: 'active' })
    const sources = await it.sources()
    expect(endsOf(sources)).toEqual([...before, '4 quarantined', ...[5, 6, 7, 8, 9].map(uid => `${uid} created`)])
    expect(sources[3]).toMatchObject({ reason: 'unfetchable', complete: false })
  },
)

test('a server that refuses a whole batch for one mail of it: that one alone is blamed', async () => {
  await using it = await startCase({
    mails: mails(9),
    refuseBatches: new Map([[6, 'NO some message could not be read']]),
  })
  expect(endsOf(await it.sources())).toEqual([1, 2, 3, 4, 5].map(uid => `${uid} created`))
  for (let tries = 2; tries <= 6; tries++) await it.poll()
  expect(endsOf(await it.sources())).toEqual(
    mails(9).map(({ uid }) => `${uid} ${uid === 6 ? 'quarantined' : 'created'}`),
  )
})

test('mails that a FETCH leaves out are asked for again, and what never comes is quarantined', async () => {
  await using it = await startCase({ mails: mails(5), withheld: new Set([2, 3]) })
  expect(await it.account()).toMatchObject({ code: 'imap.refused', hint: expect.stringContaining('does not send it') })
  it.server.script.withheld.delete(3)
  for (let tries = 2; tries <= 6; tries++) await it.poll()
  expect(endsOf(await it.sources())).toEqual(
    mails(5).map(({ uid }) => `${uid} ${uid === 2 ? 'quarantined' : 'created'}`),
  )
})

test('a server that tells no UIDNEXT is listed each time, and doubles and omits nothing', async () => {
  await using it = await startCase({ mails: mails(2), uidNext: null })
  it.server.script.mails = mails(3)
  await it.poll()
  it.server.script.mails = [mailOf(1), mailOf(3), mailOf(4)]
  expect(await it.poll()).toMatchObject({ state: 'active' })
  expect(endsOf(await it.sources())).toEqual(['1 created', '2 created', '3 created', '4 created'])
})

test.each(['new', '2026-11-25'])(
  'without UIDNEXT, --start %s takes what comes later, however old its date is',
  async startFrom => {
    await using it = await startCase({ mails: mails(2), uidNext: null }, { startFrom })
    expect(endsOf(await it.sources())).toEqual([])
    it.server.script.mails = mails(3)
    await it.poll()
    expect(endsOf(await it.sources())).toEqual(['3 created'])
  },
)

test('gaps, the highest UIDs and a UIDNEXT that is too low hide no mail', async () => {
  const highest = 2 ** 32 - 1
  await using it = await startCase({ mails: [mailOf(7), mailOf(70_000)], uidNext: 8 })
  it.server.script.mails.push(mailOf(highest - 1))
  await it.poll()
  it.server.script.mails.push(mailOf(highest))
  await it.poll()
  expect(await it.poll()).toMatchObject({ state: 'active' })
  expect((await it.sources()).map(({ uid }) => uid)).toEqual([7, 70_000, highest - 1, highest])
  expect(it.server.commands.join('\n')).not.toContain(String(highest + 1))
})

test('what nobody asked for in between changes nothing', async () => {
  const big = { uid: 2, source: rawMail({ id: '2@x', body: 'x'.repeat(200_000) }) }
  const chatter = [
    '3 EXISTS',
    '3 FETCH (FLAGS (\\Seen))',
    '2 FETCH (UID 2 FLAGS (\\Answered))',
    '0 RECENT',
    'OK [ALERT] hello',
    'BAD internal error',
  ]
  await using it = await startCase({ mails: [mailOf(1), big, mailOf(3)], chatter }, { startFrom: '2026-11-01' })
  expect(await it.account()).toMatchObject({ state: 'active' })
  it.server.script.chatter = ['1 EXPUNGE', '3 EXISTS', 'FLAGS (\\Seen)']
  it.server.script.mails = [big, mailOf(3), mailOf(4)]
  expect(await it.poll()).toMatchObject({ state: 'active' })
  expect(endsOf(await it.sources())).toEqual(['1 created', '2 quarantined', '3 created', '4 created'])
})

test('a mail whose size and date are not told is taken, also where a day was chosen to start with', async () => {
  await using it = await startCase({ mails: mails(4), unlisted: new Set([2, 4]) }, { startFrom: '2026-11-25' })
  expect(endsOf(await it.sources())).toEqual(['2 created', '4 created'])
})

test.each<[string, Partial<Script>]>([
  ['literals of bytes', { form: 'literal8' }],
  ['a date of NIL', { internalDate: 'NIL' }],
  ['a date that is none', { internalDate: '"99-Foo-2026 10:00:00 +0000"' }],
])('mails come in over %s', async (_, script) => {
  await using it = await startCase({ mails: mails(3), ...script })
  expect(await it.account()).toMatchObject({ state: 'active', code: null })
  expect(endsOf(await it.sources())).toEqual(['1 created', '2 created', '3 created'])
})

test('a mail that is sent as a quoted string is kept as it stands in it', async () => {
  const source = Buffer.from('a "mail" of one \\ line')
  await using it = await startCase({ mails: [{ uid: 1, source }], form: 'quoted' })
  const [{ place, complete } = { place: null, complete: false }] = await it.sources()
  expect(complete).toBe(true)
  expect(await openRawDirectory(`${world.directory}/raw`).read(place as NonNullable<typeof place>)).toEqual(source)
})

test('a mail that is sent as NIL is asked for again, never taken for an empty one', async () => {
  await using it = await startCase({ mails: mails(2), form: 'nil' })
  expect(await it.account()).toMatchObject({ state: 'failing', code: 'imap.refused' })
  it.server.script.form = 'literal'
  expect(await it.poll()).toMatchObject({ state: 'active' })
  expect(endsOf(await it.sources())).toEqual(['1 created', '2 created'])
})

test('a server that greets with PREAUTH is read without a login, and gets no password', async () => {
  await using it = await startCase({ mails: mails(1), greeting: 'PREAUTH [CAPABILITY IMAP4rev1] welcome' })
  expect(await it.account()).toMatchObject({ state: 'active' })
  expect(it.server.commands.join('\n')).not.toMatch(/LOGIN|never-to-be-seen/)
})

test('a PREAUTH where STARTTLS is demanded is an attack, and nothing is asked', async () => {
  await using it = await startCase(
    { mails: mails(1), greeting: 'PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome' },
    { security: 'starttls' },
  )
  expect(await it.account()).toMatchObject({ state: 'failing', code: 'imap.starttls_missing' })
  expect(await it.sources()).toEqual([])
})
