// The fifteen ways in which mail fetching of helpdesks is known to fail, each shown to be survived from one end to the other, with real
// servers. What is tried here once is tried more thoroughly beside the code that it concerns.
import { once } from 'node:events'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Daemon } from '../../src/daemon.ts'
import { type AccountDetail, getAccount } from '../../src/store/accounts/accounts.ts'
import { takeAccounts } from '../../src/store/accounts/leases.ts'
import { findSourceDetails, type SourceDetail } from '../../src/store/ingest/source-rows.ts'
import { createWorld, ends, spawnDaemon, until, type World } from '../support/daemon.ts'
import { startFlowDovecot } from '../support/flow-dovecot.ts'
import type { FlowServer } from '../support/flow-server.ts'
import { type ScriptedMail, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'
import { keyFileOf, untilAction, writeKey } from '../support/sealing.ts'

let dovecot: FlowServer
let world: World
let daemon: Daemon
beforeAll(async () => {
  dovecot = await startFlowDovecot()
  world = await createWorld({
    LETTERLOCK_MAIL_MAX_BYTES: '100000',
    LETTERLOCK_POLL_TIMEOUT_SECONDS: '3',
    LETTERLOCK_POLL_CONCURRENCY: '3',
    LETTERLOCK_POLL_PARSE_DEADLINE_MS: '1000',
    LETTERLOCK_HOLD_TICKETS_PER_HOUR: '5',
  })
  daemon = await world.start({}, { parseScript: new URL('../parse/misbehaving-thread.ts', import.meta.url) })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await dovecot[Symbol.asyncDispose]()
})

const mailOf = (uid: number, body = `body ${uid}`): ScriptedMail => ({
  uid,
  source: rawMail({ id: `${uid}@x`, subject: `mail ${uid}`, body }),
})
const mails = (count: number): ScriptedMail[] => Array.from({ length: count }, (_, i) => mailOf(i + 1))

let accounts = 0

/** Adds an account, which the daemon polls as soon as it is asked to. */
async function add(...[destination, password, change]: Parameters<World['add']>): Promise<number> {
  const address = `case-${++accounts}@example.com`
  const id = await world.add(destination, password, { address, everySeconds: 86_400, ...change })
  await takeAccounts(world.db, daemon.workerId, 1, 'all')
  return id
}

const addDovecot = (change: Parameters<World['add']>[2]) =>
  add(dovecot.destination('tls'), dovecot.user.password, change)

async function poll(id: number): Promise<AccountDetail> {
  await world.poll(id)
  return await getAccount(world.db, String(id))
}

async function sourcesOf(id: number): Promise<SourceDetail[]> {
  const { address } = await getAccount(world.db, String(id))
  return (await findSourceDetails(world.db, { account: address, limit: 1_000 })).sort((a, b) => a.uid - b.uid)
}

const endsOf = async (id: number) => (await sourcesOf(id)).map(({ result, reason }) => `${result} ${reason}`)

const ticketsOf = async (id: number): Promise<string[]> =>
  await world.db('tickets').where({ account_id: id }).orderBy('id').pluck('subject')

test('case 1: one mail that cannot be fetched or parsed does not stop the account', async () => {
  const [first, , third] = mails(3) as [ScriptedMail, ScriptedMail, ScriptedMail]
  await using server = await startScriptedServer({
    mails: [first, mailOf(2, 'HANG'), third, mailOf(4), mailOf(5)],
    refuseMails: new Map([[4, 'NO [CANNOT] it cannot be converted']]),
  })
  const id = await add(server.destination, 'secret')
  for (let i = 0; i < 6; i++) await poll(id)
  expect(await getAccount(world.db, String(id))).toMatchObject({ state: 'active' })
  expect(await endsOf(id)).toEqual([
    'created new',
    'quarantined parse_timeout',
    'created new',
    'quarantined unfetchable',
    'created new',
  ])
})

test('case 2: nothing is marked or deleted on the server before it is durably ours', async () => {
  await using server = await startScriptedServer({ mails: mails(2) })
  const id = await add(server.destination, 'secret', { afterIngest: 'delete' })
  const raw = path.join(world.directory, 'raw')
  renameSync(raw, `${raw}.away`)
  writeFileSync(raw, '')
  expect(await poll(id)).toMatchObject({ state: 'failing', code: 'raw.unwritable' })
  expect(server.commands.filter(line => /STORE|EXPUNGE|MOVE|COPY|CLOSE/.test(line))).toEqual([])
  rmSync(raw)
  renameSync(`${raw}.away`, raw)
  expect(await poll(id)).toMatchObject({ state: 'active' })
  expect(await endsOf(id)).toEqual(['created new', 'created new'])
  expect(server.commands.filter(line => /^UID EXPUNGE 1:2/.test(line))).toHaveLength(1)
})

test('case 3: a kill between the commit and the mark on the server neither doubles nor forgets', async () => {
  await using own = await createWorld({ LETTERLOCK_POLL_LEASE_SECONDS: '5' })
  await using server = await startScriptedServer({ mails: mails(3), hangAt: new Set(['UID STORE']) })
  await own.add(server.destination, 'secret', { afterIngest: 'seen' })
  const child = spawnDaemon(own, 'ignore', { LETTERLOCK_POLL_LEASE_SECONDS: '5' })
  await until(async () => server.commands.some(line => line.startsWith('UID STORE')))
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await own.db('sources').whereNotNull('settled_at')).toEqual([])
  server.script.hangAt.clear()
  await own.start()
  await until(async () => (await own.db('sources').whereNotNull('settled_at')).length === 3)
  expect(await ends(own.db)).toEqual({ created: 3 })
  expect(server.commands.filter(line => line.startsWith('UID STORE 1:3'))).toHaveLength(2)
})

test('case 4: mail that somebody has read, and mail older than any outage, is taken', async () => {
  const box = 'case4'
  await dovecot.deliver(box, [rawMail({ id: '1@4' })])
  const id = await addDovecot({ mailboxes: [box], startFrom: 'new' })
  await poll(id)
  await dovecot.deliver(box, [rawMail({ id: '2@4', subject: 'read by a human' })])
  await dovecot.mark(box, [2], '\\Seen')
  await dovecot.deliver(box, [rawMail({ id: '3@4', subject: 'after a long outage' })], new Date('2026-01-01T00:00:00Z'))
  await poll(id)
  expect(await ticketsOf(id)).toEqual(['read by a human', 'after a long outage'])
})

test('case 5: another UIDVALIDITY, numbers that shift and old mail that is moved in neither lose nor double', async () => {
  const [box, elsewhere] = ['case5', 'case5b']
  await dovecot.deliver(
    box,
    [1, 2, 3].map(i => rawMail({ id: `${i}@5`, subject: `mail ${i}` })),
  )
  await dovecot.deliver(elsewhere, [rawMail({ id: '4@5', subject: 'moved in' })], new Date('2020-01-01T00:00:00Z'))
  const id = await addDovecot({ mailboxes: [box] })
  await poll(id)
  await dovecot.remove(box, [1])
  await dovecot.move(elsewhere, [1], box)
  await poll(id)
  expect(await ticketsOf(id)).toEqual(['mail 1', 'mail 2', 'mail 3', 'moved in'])
  await dovecot.resetUidValidity(box)
  await poll(id)
  expect(await ticketsOf(id)).toHaveLength(4)
  expect((await endsOf(id)).filter(end => end === 'duplicate content')).toHaveLength(3)
})

test('case 6: a missing, padded or repeated Message-ID hides no mail, also not in another account', async () => {
  const padded = (body: string) => rawMail({ headers: ['Message-ID:   <pad@6>  (added by relay)'], body })
  const own = [
    rawMail({ body: 'no id' }),
    rawMail({ body: 'none either' }),
    padded('one'),
    padded('two'),
    padded('one'),
  ]
  await dovecot.deliver('case6', own)
  await dovecot.deliver('case6b', [padded('one')])
  const first = await addDovecot({ mailboxes: ['case6'] })
  const second = await addDovecot({ mailboxes: ['case6b'] })
  await poll(first)
  await poll(second)
  expect(await endsOf(first)).toEqual([...Array(4).fill('created new'), 'duplicate content'])
  expect(await endsOf(second)).toEqual(['created new'])
})

test('case 7: an oversize mail is told by its size, not downloaded, and alarms once', async () => {
  const big = mailOf(2, 'x'.repeat(200_000))
  await using server = await startScriptedServer({ mails: [mailOf(1), big, mailOf(3)] })
  const id = await add(server.destination, 'secret')
  expect(await poll(id)).toMatchObject({ state: 'active' })
  server.script.mails.push(mailOf(4))
  expect(await poll(id)).toMatchObject({ state: 'active', failures: 0 })
  expect(await endsOf(id)).toEqual(['created new', 'quarantined too_large', 'created new', 'created new'])
  const bodies = server.commands.filter(line => /^UID FETCH \S+ .*BODY\.PEEK\[\]/.test(line))
  expect(bodies.filter(line => /^UID FETCH (2|1:3|2:3|1:2)[ ,]/.test(line))).toEqual([])
})

test('case 8: a server that falls silent is left, and how long ago it worked is told', async () => {
  await using server = await startScriptedServer({ mails: mails(1) })
  const id = await add(server.destination, 'secret')
  const { lastSuccessAt } = await poll(id)
  server.script.mails = mails(2)
  server.script.hangAt.add('UID FETCH')
  const silent = await poll(id)
  expect(silent).toMatchObject({ state: 'failing', code: 'imap.timeout', lastSuccessAt })
  expect(lastSuccessAt).not.toBeNull()
  server.script.hangAt.clear()
  expect(await poll(id)).toMatchObject({ state: 'active', failures: 0 })
  expect(await ticketsOf(id)).toHaveLength(2)
})

test('case 9: an outage is no wrong password: it is tried again ever more rarely, and never given up', async () => {
  await using server = await startScriptedServer({ mails: mails(1), login: 'NO [UNAVAILABLE] later' })
  const id = await add(server.destination, 'secret')
  const waitOf = ({ lastAttemptAt, nextAttemptAt }: AccountDetail) => Number(nextAttemptAt) - Number(lastAttemptAt)
  expect(await poll(id)).toMatchObject({ code: 'imap.auth_unavailable', enabled: true, failures: 1 })
  expect(waitOf(await getAccount(world.db, String(id)))).toBeLessThanOrEqual(5_100)
  await world.db('accounts').where({ id }).update({ failures: 5_000 })
  const late = await poll(id)
  expect(late).toMatchObject({ code: 'imap.auth_unavailable', enabled: true, failures: 5_001 })
  expect(waitOf(late)).toBeGreaterThan(400_000)
  expect(waitOf(late)).toBeLessThanOrEqual(900_100)
  server.script.login = 'NO [AUTHENTICATIONFAILED] wrong'
  const refused = await poll(id)
  expect(refused).toMatchObject({ code: 'imap.auth_refused', enabled: true, state: 'failing' })
  expect(waitOf(refused)).toBeGreaterThan(3_500_000)
  server.script.login = 'OK done'
  expect(await poll(id)).toMatchObject({ state: 'active', code: null, failures: 0 })
})

test('case 10: accounts that hang hold up no other, and none has more than one connection', async () => {
  await using silent = await startScriptedServer({ hangAt: new Set(['EXAMINE']) })
  await using server = await startScriptedServer({ mails: mails(1) })
  const hanging = [await add(silent.destination, 'secret'), await add(silent.destination, 'secret')]
  const stuck = hanging.map(id => world.poll(id))
  await until(async () => silent.commands.filter(line => line.startsWith('EXAMINE')).length === 2)
  const quick = await Promise.all(Array.from({ length: 6 }, () => add(server.destination, 'secret')))
  for (const id of quick) {
    await poll(id)
    await poll(id)
  }
  expect(server.accepted()).toBe(quick.length)
  for (const id of quick) expect(await ticketsOf(id)).toEqual(['mail 1'])
  await Promise.all(stuck)
  // They may have been tried again by now, each once the connection before was closed.
  expect(silent.maxConnections()).toBe(2)
})

test('case 11: a failing account is shown with code, count and last success, and told once, and once when it works again', async () => {
  await using server = await startScriptedServer({ mails: mails(1) })
  const id = await add(server.destination, 'secret')
  const { lastSuccessAt } = await poll(id)
  server.script.refuse = { EXAMINE: 'NO [UNAVAILABLE] later', LOGIN: 'NO [UNAVAILABLE] later' }
  for (let i = 0; i < 2; i++) await poll(id)
  const failing = await poll(id)
  expect(failing).toMatchObject({ state: 'failing', code: 'imap.auth_unavailable', lastSuccessAt })
  // On a busy machine the account's own retry may come in between.
  expect(failing.failures).toBeGreaterThanOrEqual(3)
  expect(failing.hint).toContain('ask who runs the mail server')
  server.script.refuse = {}
  await poll(id)
  await poll(id)
  const loud = world.log.filter(line => line.account === id && line.level !== 'debug' && line.level !== 'info')
  expect(loud.map(({ msg, code }) => `${msg} ${code}`)).toEqual(['fail imap.unavailable', 'fail imap.auth_unavailable'])
  expect(world.log.filter(line => line.account === id && line.msg === 'works again')).toHaveLength(1)
})

test('case 12: a move to the archive that fails is neither copied again and again nor made a deletion', async () => {
  await using server = await startScriptedServer({
    mails: mails(2),
    others: { Done: [] },
    capabilities: ['IMAP4rev1', 'UIDPLUS'],
    refuse: { 'UID COPY': 'NO no' },
  })
  const id = await add(server.destination, 'secret', { afterIngest: 'move:Done' })
  expect(await poll(id)).toMatchObject({ state: 'failing', code: 'imap.refused' })
  const sent = (words: RegExp) => server.commands.filter(line => words.test(line)).length
  expect(sent(/STORE|EXPUNGE/)).toBe(0)
  server.script.refuse = { 'UID STORE': 'NO no' }
  for (let i = 0; i < 3; i++) expect(await poll(id)).toMatchObject({ state: 'failing', code: 'imap.refused' })
  expect(sent(/^UID COPY/)).toBe(2)
  server.script.refuse = {}
  expect(await poll(id)).toMatchObject({ state: 'active' })
  expect(sent(/^UID COPY/)).toBe(2)
  expect(sent(/^UID EXPUNGE 1:2/)).toBe(1)
  expect(await endsOf(id)).toEqual(['created new', 'created new'])
})

test('case 13: automatic answers and bounces open no ticket, and a flood of one sender is held', async () => {
  const box = 'case13'
  await dovecot.deliver(box, [])
  const id = await addDovecot({ mailboxes: [box] })
  await poll(id)
  const automatic = [
    ['Auto-Submitted: auto-replied'],
    ['Precedence: first-class', 'Precedence: auto_reply'],
    ['X-Autoreply: yes'],
    ['Return-Path: <>', 'Content-Type: multipart/report; report-type=delivery-status; boundary=b'],
  ]
  await dovecot.deliver(
    box,
    automatic.map((headers, i) => rawMail({ id: `auto${i}@13`, from: `robot${i}@example.org`, headers })),
  )
  await dovecot.deliver(
    box,
    Array.from({ length: 12 }, (_, i) => rawMail({ id: `${i}@13`, from: 'flood@example.org', subject: `flood ${i}` })),
  )
  await poll(id)
  expect(await ticketsOf(id)).toEqual([0, 1, 2, 3, 4].map(i => `flood ${i}`))
  const all = await endsOf(id)
  expect(all.filter(end => end === 'quarantined held')).toHaveLength(7)
  // In any order: files of one second have no order in a maildir.
  expect(all.filter(end => end.startsWith('ignored'))).toHaveLength(4)
})

test('case 14: neither a number in the subject nor a reference alone lets a stranger into a ticket', async () => {
  const box = 'case14'
  await dovecot.deliver(box, [rawMail({ id: 'secret@14', subject: 'my contract' })])
  const id = await addDovecot({ mailboxes: [box] })
  await poll(id)
  const { id: ticket, ref } = await world.db('tickets').where({ account_id: id }).first('id', 'ref')
  const stranger = { from: 'Eve <eve@evil.example>' }
  await dovecot.deliver(box, [
    rawMail({ ...stranger, id: '1@14', subject: `Re: my contract [Ticket#${ticket}] [${ref}] [LL-${ref}]` }),
    rawMail({ ...stranger, id: '2@14', subject: 'Re: my contract', inReplyTo: 'secret@14', references: ['secret@14'] }),
    rawMail({ id: '3@14', subject: 'Re: my contract', inReplyTo: 'secret@14', body: 'It is me.' }),
  ])
  await poll(id)
  const messages = await world.db('messages').where({ ticket_id: ticket }).orderBy('id').pluck('from_address')
  expect(messages).toEqual(['anna@example.org', 'anna@example.org'])
  expect(await ticketsOf(id)).toHaveLength(3)
})

test('case 15: a key file that is gone, cut short or another stops before the server is asked, and none is made over it', async () => {
  await using own = await createWorld({ LETTERLOCK_POLL_KEEP_CONNECTIONS: '0' })
  await using server = await startScriptedServer({ mails: mails(1) })
  const id = await own.add(server.destination, 'secret of case 15')
  const file = keyFileOf(own)
  const key = writeKey(file)
  const started = await own.start()
  await untilAction(own.db, 'encryption.on')
  await own.poll(id)
  const before = server.accepted()
  const away = `${file}.away`
  renameSync(file, away)
  for (const [bytes, name] of [
    [undefined, 'gone'],
    [key.subarray(0, 31), 'cut short'],
    [undefined, 'another'],
  ] as const) {
    const found = name === 'another' ? writeKey(file) : bytes === undefined ? undefined : writeKey(file, bytes)
    started.lookAtKeys()
    await own.poll(id)
    expect(await getAccount(own.db, String(id)), name).toMatchObject({ state: 'waiting', code: 'vault.key_missing' })
    if (found !== undefined) expect(readFileSync(file)).toEqual(found)
  }
  expect(server.accepted()).toBe(before)
  renameSync(away, file)
  started.lookAtKeys()
  await until(async () => (await getAccount(own.db, String(id))).state === 'active')
  expect(server.accepted()).toBe(before + 1)
  expect(server.commands.filter(line => line.startsWith('LOGIN')).at(-1)).toContain('"secret of case 15"')
})
