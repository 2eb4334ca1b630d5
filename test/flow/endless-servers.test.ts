// Servers that always say something and never come to an end, at every step of a poll, and more of them than may be polled at once: each is left in time
// and its account says where it stood; the mail of others comes in.
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { findSourceDetails } from '../../src/store/ingest/source-rows.ts'
import { createWorld, ends, until } from '../support/daemon.ts'
import { type Script, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const secret = 'never-to-be-seen'
const mails = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    uid: i + 1,
    source: rawMail({ id: `${i + 1}@x`, subject: `mail ${i + 1}` }),
  }))

async function* drip(beginning: string): AsyncIterable<string> {
  yield beginning
  for (;;) {
    await wait(200)
    yield '1'
  }
}
async function* holdOn(): AsyncIterable<string> {
  for (;;) {
    yield '* OK hold on\r\n'
    await wait(200)
  }
}
function* noise(): Iterable<string> {
  for (;;) yield '* 7 EXISTS\r\n* 1 FETCH (FLAGS (\\Seen))\r\n'.repeat(500)
}

type Answer = Script['instead'][string]

/** Sizes are told, and the mails themselves come as is said. */
const mailsAs =
  (answer: Answer): Answer =>
  (tag, rest) =>
    /BODY/.test(rest)
      ? answer(tag, rest)
      : [`* 1 FETCH (UID 1 RFC822.SIZE 300 INTERNALDATE "24-Nov-2026 10:00:00 +0000")\r\n${tag} OK done\r\n`]

test('servers that never come to an end took all places for ever: each is left, its account names the step, and the others are polled', async () => {
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await createWorld({ LETTERLOCK_POLL_TIMEOUT_SECONDS: '1', LETTERLOCK_POLL_CONCURRENCY: '2' }))
  const endless: [string, string, Answer][] = [
    ['login', 'LOGIN', () => drip('* OK ')],
    ['SELECT', 'EXAMINE', holdOn],
    ['SELECT', 'EXAMINE', () => drip('* OK [UIDVALIDITY ')],
    ['SEARCH', 'UID SEARCH', noise],
    ['FETCH', 'UID FETCH', mailsAs(() => drip('* 1 FETCH (UID 1 BODY[] {300}\r\n'))],
    ['FETCH', 'UID FETCH', mailsAs(noise)],
  ]
  const ids = new Map<number, string>()
  for (const [i, [step, command, answer]] of endless.entries()) {
    const server = stack.use(await startScriptedServer({ mails: mails(1), instead: { [command]: answer } }))
    ids.set(await world.add(server.destination, secret, { address: `${i}@endless` }), step)
  }
  await world.start()
  await until(async () => world.log.some(line => line.event === 'poll'))
  const good = stack.use(await startScriptedServer({ mails: mails(3) }))
  const id = await world.add(good.destination, secret, { address: 'good@x' })
  await until(async () => (await ends(world.db)).created === 3)
  for (const [account, step] of ids) {
    const found = await until(async () => {
      const detail = await getAccount(world.db, String(account))
      return detail.code !== null && detail
    })
    expect(found).toMatchObject({ code: 'imap.timeout', hint: expect.stringContaining(`(${step})`) })
  }
  expect(await getAccount(world.db, String(id))).toMatchObject({ state: 'active', code: null })
}, 600_000)

const overflow = () => ['* 1 FETCH (UID 1 BODY[] {9999999999}\r\n']

test('a server that sends a mail just before its time is over kept its place for ever: others are polled between, and it goes on where it was', async () => {
  await using stack = new AsyncDisposableStack()
  const world = stack.use(
    await createWorld({
      LETTERLOCK_POLL_TIMEOUT_SECONDS: '1',
      LETTERLOCK_POLL_CONCURRENCY: '1',
      LETTERLOCK_POLL_BATCH_MESSAGES: '1',
    }),
  )
  const all = mails(60)
  const isQuick = Promise.withResolvers<void>()
  async function* slowly(tag: string, rest: string): AsyncIterable<string> {
    const wanted = Number(/^\d+/.exec(rest)?.[0])
    if (!/BODY/.test(rest)) {
      for (const { uid, source } of all) yield `* ${uid} FETCH (UID ${uid} RFC822.SIZE ${source.length})\r\n`
    } else {
      await Promise.race([wait(500), isQuick.promise])
      const { source } = all[wanted - 1] ?? { source: '' }
      yield `* ${wanted} FETCH (UID ${wanted} BODY[] {${source.length}}\r\n${source})\r\n`
    }
    yield `${tag} OK done\r\n`
  }
  const slow = stack.use(await startScriptedServer({ mails: all, instead: { 'UID FETCH': slowly } }))
  const id = await world.add(slow.destination, secret, { address: 'slow@x' })
  await world.start()
  await until(async () => Number((await ends(world.db)).created) > 0)
  const good = stack.use(await startScriptedServer({ mails: mails(2) }))
  const other = await world.add(good.destination, secret, { address: 'good@x' })
  await until(async () => (await getAccount(world.db, String(other))).lastSuccessAt)
  expect(Number((await ends(world.db)).created)).toBeLessThan(60)
  isQuick.resolve()
  await until(async () => (await ends(world.db)).created === 62)
  expect(await getAccount(world.db, String(id))).toMatchObject({ failures: 0, code: null })
}, 600_000)

test.each<[string, Answer]>([
  ['sends far too much', overflow],
  ['never sends it whole', () => drip('* 1 FETCH (UID 1 BODY[] {300}\r\n')],
])(
  'a server that %s instead of any mail had its mails quarantined one by one: they wait, and come in once it is well',
  async (_, answer) => {
    await using server = await startScriptedServer({ mails: mails(4) })
    const isMail = (tag: string, rest: string) => (/BODY/.test(rest) ? answer(tag, rest) : sizes(tag))
    const sizes = (tag: string) => [
      ...mails(4).map(({ uid, source }) => `* ${uid} FETCH (UID ${uid} RFC822.SIZE ${source.length})\r\n`),
      `${tag} OK done\r\n`,
    ]
    server.script.instead['UID FETCH'] = isMail
    await using world = await createWorld({ LETTERLOCK_POLL_TIMEOUT_SECONDS: '1' })
    const id = await world.add(server.destination, secret)
    await world.start()
    await until(async () => (await getAccount(world.db, String(id))).code)
    for (let tries = 1; tries <= 6; tries++) await world.poll(id)
    expect(await ends(world.db)).toEqual({})
    server.script.instead = {}
    await world.poll(id)
    expect(await ends(world.db)).toEqual({ created: 4 })
  },
  600_000,
)

test.each([
  ['among others', 4, 2],
  ['alone', 1, 1],
])(
  'a mail that always breaks the bound of an answer (%s) is quarantined, and its mailbox goes on',
  async (_, count, uid) => {
    await using server = await startScriptedServer({ mails: mails(count) })
    // Little was told, and far more comes than any mail may have.
    server.script.sentBodies.set(uid, Buffer.alloc(20_000_000, 'x'))
    await using world = await createWorld({ LETTERLOCK_MAIL_MAX_BYTES: '100000' })
    const id = await world.add(server.destination, secret)
    await world.start()
    await until(async () => (await getAccount(world.db, String(id))).code === 'imap.answer_too_large')
    for (let tries = 1; tries <= 6; tries++) await world.poll(id)
    expect(await ends(world.db)).toEqual({ ...(count > 1 ? { created: count - 1 } : {}), quarantined: 1 })
    const [held] = await findSourceDetails(world.db, { limit: 1, result: 'quarantined' })
    expect(held).toMatchObject({ uid, reason: 'unfetchable', complete: false })
  },
  600_000,
)
