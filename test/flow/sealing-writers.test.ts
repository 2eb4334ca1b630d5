// A helpdesk that changes passwords without a pause while everything is sealed, resealed and unsealed: at no moment does an account open
// to another password than the one that was written last.
import { existsSync } from 'node:fs'
import type { Knex } from 'knex'
import { expect, test } from 'vitest'
import { findCredentials } from '../../src/store/secrets/credential-rows.ts'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { PassStopped } from '../../src/vault/sealing/seal-batch.ts'
import { runPass } from '../../src/vault/sealing/seal-rows.ts'
import { beginUnsealing } from '../../src/vault/sealing/transitions.ts'
import { imapDestination, type Key, seal } from '../../src/vault/secrets/envelope.ts'
import { createWorld, until, type World } from '../support/daemon.ts'
import { type Helpdesk, startHelpdesk } from '../support/helpdesk.ts'
import {
  actionsOf,
  countWhere,
  hexOf,
  insertPaused,
  keyFileOf,
  pausedDestination,
  ringOf,
  secretOf,
  untilAction,
  writeKey,
  writeProof,
  wrongOf,
} from '../support/sealing.ts'

const nothingOpen = 'plaintext IS NOT NULL OR sealed IS NULL'
/** What a change has to be sealed in. */
const sealedWithinMs = 240_000

const read = (world: World) => (id: number) => secretOf(world.db, keyFileOf(world), id, pausedDestination(id))

/** Runs `during` while the helpdesk writes; then everything is sealed in time and nothing was lost. */
async function whileWriting(
  world: World,
  secrets: Map<number, string>,
  seed: number,
  during: (helpdesk: Helpdesk) => Promise<void>,
): Promise<void> {
  const helpdesk = startHelpdesk(world.db, { secrets, hot: hot(secrets), seed, read: read(world) })
  await during(helpdesk)
  await helpdesk.stop()
  const endedAt = Date.now()
  expect(helpdesk.lost).toEqual([])
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
  await until(async () => (await countWhere(world.db, nothingOpen)) === 0)
  expect(Date.now() - endedAt).toBeLessThan(sealedWithinMs)
  for (const [id, secret] of secrets) {
    if (hot(secrets).includes(id)) expect(await read(world)(id)).toBe(secret)
  }
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
}

/** Most writes go to few accounts, so that they meet the sealing. */
const hot = (secrets: ReadonlyMap<number, string>): number[] => [...secrets.keys()].slice(0, 20)

const written = (helpdesk: Helpdesk, count: number) => until(async () => helpdesk.statements() >= count)

/** Another host that seals what it finds without a pause. */
function startSealer(pass: (signal: AbortSignal) => Promise<unknown>): AsyncDisposable {
  const stop = new AbortController()
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) await pass(stop.signal)
  }
  const done = loop()
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the test is through'))
      await done
    },
  }
}

async function passOnce(world: World, pass: 'seal' | 'reseal', signal: AbortSignal): Promise<void> {
  try {
    await runPass({ db: world.db, keyPaths: keyPathsOf(keyFileOf(world), {}), actor: 'other' }, pass, signal)
  } catch (error) {
    if (!(error instanceof PassStopped) && !signal.aborted) throw error
  }
}

test('200 statements a second in sealing, rotation and unsealing: no change is lost, and all is sealed in a minute', async () => {
  await using world = await createWorld()
  const secrets = await insertPaused(world.db, 3_000)
  await world.start()
  const first = writeKey(keyFileOf(world))

  await whileWriting(world, secrets, 1, async helpdesk => {
    await untilAction(world.db, 'encryption.sealing')
    await using _other = startSealer(signal => passOnce(world, 'seal', signal))
    await until(async () => (await countWhere(world.db, 'sealed IS NOT NULL')) > 2_900)
    await written(helpdesk, 700)
  })
  await untilAction(world.db, 'encryption.on')

  const second = writeKey(keyFileOf(world).replace(/\.bin$/, '.next.bin'))
  await whileWriting(world, secrets, 2, async helpdesk => {
    await untilAction(world.db, 'encryption.rotating')
    await using _other = startSealer(async signal => {
      await passOnce(world, 'seal', signal)
      await passOnce(world, 'reseal', signal)
    })
    await untilAction(world.db, 'encryption.rotated')
    await written(helpdesk, 700)
  })
  expect(ringOf(world).current).toMatchObject({ key: { hex: hexOf(second) } })
  expect(ringOf(world).ids).toContain(hexOf(first))

  await whileWriting(world, secrets, 3, async helpdesk => {
    writeProof(world, hexOf(second))
    expect(await beginUnsealing(world.db, ringOf(world), hexOf(second), 'test')).toBe(true)
    await untilAction(world.db, 'encryption.off')
    await written(helpdesk, 700)
    writeKey(keyFileOf(world))
    await untilAction(world.db, 'encryption.sealing', 2)
  })
  await untilAction(world.db, 'encryption.on', 2)
  expect(await actionsOf(world.db)).not.toContain('encryption.recovered')
}, 600_000)

/** Reads, seals, and updates by the id without a lock: what a program without care does. */
async function sealWithoutLock(db: Knex, key: Key): Promise<void> {
  const rows = await findCredentials(db, { with: 'plaintext' }, 0, 250)
  for (const { id, accountId, plaintext } of rows) {
    if (plaintext === null || plaintext.length === 0) continue
    const destination = imapDestination(pausedDestination(accountId))
    const sealed = seal(key, { table: 'credentials', kind: 'password', accountId }, destination, plaintext)
    await db('credentials').where({ id }).update({ sealed, plaintext: null })
  }
}

test('the control: a sealer without locks loses changes under the same helpdesk, and the harness sees it', {
  tags: ['scene'],
}, async () => {
  await using world = await createWorld()
  const secrets = await insertPaused(world.db, 200)
  writeKey(keyFileOf(world))
  const { current } = ringOf(world)
  if (current.kind !== 'valid') throw new Error('the test has no key')
  const helpdesk = startHelpdesk(world.db, { secrets, hot: hot(secrets), seed: 1, read: read(world) })
  await using _naive = startSealer(() => sealWithoutLock(world.db, current.key))
  await until(async () => helpdesk.lost.length > 0)
  await helpdesk.stop()
  expect(helpdesk.lost.length).toBeGreaterThan(0)
})

test('a form that was opened before encryption went off and is saved after it: its password holds, and a new key is taken', async () => {
  await using world = await createWorld()
  const secrets = await insertPaused(world.db, 3)
  const [stale = 0, other = 0] = secrets.keys()
  const key = writeKey(keyFileOf(world))
  const daemon = await world.start()
  await untilAction(world.db, 'encryption.on')
  const form = await world.db('credentials').where({ account_id: stale }).first('sealed')
  writeProof(world, hexOf(key))
  await beginUnsealing(world.db, ringOf(world), hexOf(key), 'test')
  await untilAction(world.db, 'encryption.off')
  await world.db('credentials').where({ account_id: stale }).update({ sealed: form.sealed, plaintext: 'newer' })
  secrets.set(stale, 'newer')
  await until(async () => (await countWhere(world.db, 'sealed IS NOT NULL')) === 0)
  await until(async () => (await fetch(`${daemon.url}/ready`)).ok)
  await until(async () => !existsSync(keyFileOf(world)))
  writeKey(keyFileOf(world))
  await untilAction(world.db, 'encryption.on', 2)
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
  expect(await read(world)(other)).toBe(secrets.get(other))
})

test('a blank form field over a sealed password is taken away and audited, and the sealed one holds', async () => {
  await using world = await createWorld()
  const secrets = await insertPaused(world.db, 3)
  const [id = 0] = secrets.keys()
  writeKey(keyFileOf(world))
  await world.start()
  await untilAction(world.db, 'encryption.on')
  await world.db.raw("UPDATE credentials SET plaintext = '' WHERE account_id = ?", [id])
  await untilAction(world.db, 'encryption.blank')
  expect(await countWhere(world.db, nothingOpen)).toBe(0)
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
})
