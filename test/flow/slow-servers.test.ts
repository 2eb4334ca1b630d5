// A slow server delays its own mail and nobody else's. The lines are slow until the others had their mail, however long that takes.
import { expect, test } from 'vitest'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { createWorld, until } from '../support/daemon.ts'
import { startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'
import { type SlowLine, startSlowLine } from '../support/slow-line.ts'

const secret = 'never-to-be-seen'
const large = (id: string) => rawMail({ id, body: `${'x'.repeat(70)}\r\n`.repeat(30_000) })

test('large mails on three slow lines fill the budget twice: quick accounts get their mail meanwhile, and every mail comes in once', async () => {
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await createWorld({ LETTERLOCK_POLL_MEMORY_BYTES: '1048576' }))
  const lines: SlowLine[] = []
  const slow: number[] = []
  for (const name of ['a', 'b', 'c']) {
    const server = stack.use(await startScriptedServer({ mails: [{ uid: 1, source: large(`${name}@slow`) }] }))
    const line = stack.use(await startSlowLine('127.0.0.1', server.destination.port, 20_000))
    lines.push(line)
    const address = `${name}@slow`
    slow.push(await world.add({ ...server.destination, port: line.port }, secret, { address, everySeconds: 10 }))
  }
  await world.start()
  await until(async () => lines.some(line => line.passed() > 10_000))

  const quick = []
  for (const name of ['d', 'e', 'f', 'g']) {
    const server = stack.use(
      await startScriptedServer({ mails: [{ uid: 1, source: rawMail({ id: `${name}@quick` }) }] }),
    )
    quick.push(server)
    await world.add(server.destination, secret, { address: `${name}@quick`, push: true })
  }
  // A large mail of a quick account comes in, too.
  const server = stack.use(await startScriptedServer({ mails: [{ uid: 1, source: large('h@quick') }] }))
  await world.add(server.destination, secret, { address: 'h@quick' })
  const created = async (like: string) =>
    Number((await world.db('messages').where('message_id', 'like', like).count({ n: '*' }).first())?.n)
  await until(async () => (await created('%@quick')) === 5)
  expect(await created('%@slow')).toBe(0)
  expect(quick.map(one => one.accepted())).toEqual([1, 1, 1, 1])

  for (const line of lines) line.release()
  await until(async () => (await created('%@slow')) === 3)
  for (const id of slow) {
    await until(async () => (await getAccount(world.db, String(id))).state === 'active')
    expect(await getAccount(world.db, String(id))).toMatchObject({ failures: 0, code: null })
  }
  expect(await world.db('sources').count({ n: '*' }).first()).toEqual({ n: 8 })
  expect(await world.db('mailboxes').whereNotNull('trying_uid')).toEqual([])
}, 600_000)
