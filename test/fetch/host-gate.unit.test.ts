import { expect, test } from 'vitest'
import type { Told } from '../../src/errors/catalogue.ts'
import { AccountError, type AccountErrorCode } from '../../src/errors/errors.ts'
import { createHostGate } from '../../src/fetch/host-gate.ts'

const { signal } = new AbortController()
const place = { host: 'imap.example.com', port: 993 }
const account = { id: 1 }

function session() {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  return { closed, close }
}

function failure(code: AccountErrorCode): AccountError {
  return new AccountError(...([code, {}] as Told<AccountErrorCode>), { temporary: true })
}

test('opens so many connections to one host, and the next as soon as one is closed', async () => {
  const gate = createHostGate({ connections: 2 })
  const first = await gate.connect(account, place, signal, async () => session())
  await gate.connect(account, place, signal, async () => session())
  let opened = false
  const third = gate.connect({ id: 3 }, place, signal, async () => {
    opened = true
    return session()
  })
  await Promise.resolve()
  expect(opened).toBe(false)
  expect(gate.open()).toBe(2)
  await gate.connect({ id: 4 }, { ...place, host: 'other.example.com' }, signal, async () => session())
  first.close()
  await third
  expect(opened).toBe(true)
})

test('says so when no place becomes free in time', async () => {
  const gate = createHostGate({ connections: 1, waitMs: 20 })
  await gate.connect(account, place, signal, async () => session())
  const crowded = gate.connect({ id: 2 }, place, signal, async () => session())
  await expect(crowded).rejects.toMatchObject({ code: 'imap.host_crowded', temporary: true })
})

test('a host that does not answer is asked once for all of its accounts, later and later', async () => {
  const gate = createHostGate({ connections: 10, random: () => 0 })
  let attempts = 0
  const refused = async () => {
    attempts += 1
    throw failure('imap.connection_refused')
  }
  const tries = [1, 2, 3, 4].map(id => gate.connect({ id }, place, signal, refused))
  for (const result of await Promise.allSettled(tries)) {
    expect(result).toMatchObject({ reason: { code: 'imap.connection_refused', temporary: true } })
    expect((result as PromiseRejectedResult).reason.retryAfterMs).toBeGreaterThan(0)
  }
  expect(attempts).toBe(4)
  await expect(gate.connect({ id: 5 }, place, signal, refused)).rejects.toMatchObject({
    code: 'imap.connection_refused',
    message: expect.stringContaining('account 5: nothing listens'),
  })
  expect(attempts).toBe(4)
})

test('what one account is refused is no matter of its host', async () => {
  const gate = createHostGate({ connections: 10 })
  const wrong = gate.connect(account, place, signal, () => Promise.reject(failure('imap.auth_refused')))
  await expect(wrong).rejects.toMatchObject({ code: 'imap.auth_refused' })
  await gate.connect({ id: 2 }, place, signal, async () => session())
  expect(gate.open()).toBe(1)
})

test('a server that says there are too many gets no more than it bears', async () => {
  const gate = createHostGate({ connections: 10, waitMs: 20 })
  await gate.connect(account, place, signal, async () => session())
  const tooMany = gate.connect({ id: 2 }, place, signal, () => Promise.reject(failure('imap.throttled')))
  await expect(tooMany).rejects.toMatchObject({ code: 'imap.throttled' })
  await expect(gate.connect({ id: 3 }, place, signal, async () => session())).rejects.toMatchObject({
    code: 'imap.host_crowded',
  })
})

test('a user who has too many connections takes none from the others', async () => {
  const gate = createHostGate({ connections: 10, waitMs: 20 })
  await gate.connect(account, place, signal, async () => session())
  const cause = { authenticationFailed: true }
  const refusal = new AccountError('imap.throttled', {}, { temporary: true, cause })
  await expect(gate.connect({ id: 2 }, place, signal, () => Promise.reject(refusal))).rejects.toBe(refusal)
  await gate.connect({ id: 3 }, place, signal, async () => session())
  expect(gate.open()).toBe(2)
})

test('keeps a fifth of the places for polls', async () => {
  const gate = createHostGate({ connections: 5 })
  for (let id = 1; id <= 4; id++) await gate.connect({ id }, place, signal, async () => session())
  expect(gate.mayKeep(place)).toBe(true)
  await gate.connect({ id: 5 }, place, signal, async () => session())
  expect(gate.mayKeep(place)).toBe(false)
})
