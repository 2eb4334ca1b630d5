// Small bombs against a whole daemon; those of full size, with what they cost, are in test/long.
import { expect, test } from 'vitest'
import { getAccount } from '../../src/store/accounts/accounts.ts'
import { createWorld, until } from '../support/daemon.ts'
import { capabilities, type Script, startScriptedServer } from '../support/imap-server.ts'
import { rawMail } from '../support/messages.ts'

const everyUid = '1:4294967295'
const mails = [{ uid: 1, source: rawMail({ id: 'bomb@x' }) }]

const bombs: Partial<Script>[] = [
  { refuse: { 'UID MOVE': `OK [COPYUID 1 ${everyUid} ${everyUid}] moved` } },
  { chatter: Array.from({ length: 20 }, () => `VANISHED ${everyUid}`) },
  { instead: { 'UID SEARCH': () => ['* SEARCH', ' 4294967295'.repeat(300_000)] } },
  { instead: { LIST: () => ['* LIST ', '('.repeat(3_000_000)] } },
]

test('accounts with bombs are told of them, and another account gets its mail', async () => {
  await using stack = new AsyncDisposableStack()
  const world = stack.use(await createWorld())
  const good = stack.use(await startScriptedServer({ capabilities: [...capabilities, 'IDLE'] }))
  await world.add(good.destination, 'a password', { address: 'good@example.com', push: true })
  await world.start()
  await until(async () => good.idling() === 1)

  const ids: number[] = []
  for (const [i, script] of bombs.entries()) {
    const server = stack.use(await startScriptedServer({ mails, others: { Done: [] }, ...script }))
    const change = { address: `bomb${i}@example.com`, afterIngest: 'move:Done' } as const
    ids.push(await world.add(server.destination, 'a password', change))
  }
  const codes = async () => await Promise.all(ids.map(async id => (await getAccount(world.db, String(id))).code))
  await until(async () => (await codes()).every(code => code !== null))
  expect(await codes()).toEqual(bombs.map(() => 'imap.answer_too_large'))

  good.deliver(rawMail({ id: 'good@x' }))
  await until(async () => await world.db('messages').where({ message_id: 'good@x' }).first('id'))
  expect(good.accepted()).toBe(1)
})
