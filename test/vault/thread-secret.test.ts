import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { keyPathsOf } from '../../src/vault/keys/keyring.ts'
import { adoptKey, recover } from '../../src/vault/sealing/transitions.ts'
import { toKey } from '../../src/vault/secrets/envelope.ts'
import { keepThreadSecret, openThreadSecret } from '../../src/vault/secrets/thread-secret.ts'
import { writeKey } from '../support/sealing.ts'
import { createTestDatabase } from '../support/servers.ts'

test('a key that is lost for good takes the secret along, and a new one is made; one that is away does not', async () => {
  await using database = await createTestDatabase()
  const { db } = database
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-secret-'))
  const keyFile = path.join(directory, 'encryption-key.bin')
  const place = keyPathsOf(keyFile, {})
  try {
    const first = await openThreadSecret(db, place)
    const lost = toKey(writeKey(keyFile))
    expect(await adoptKey(db, lost, 'test')).toBe(true)
    expect(await keepThreadSecret(db, place, lost.hex)).toBe(true)
    expect(await openThreadSecret(db, place)).toEqual(first)

    rmSync(keyFile)
    const next = toKey(writeKey(keyFile))
    expect(await openThreadSecret(db, place)).toBeUndefined()
    expect(await keepThreadSecret(db, place, next.hex)).toBe(false)

    expect(await recover(db, next, lost.hex, () => undefined, 'test')).toBe(true)
    expect(await keepThreadSecret(db, place, next.hex)).toBe(true)
    const second = await openThreadSecret(db, place)
    expect(second).toHaveLength(32)
    expect(second).not.toEqual(first)
    expect(await keepThreadSecret(db, place, next.hex)).toBe(false)
    expect(await openThreadSecret(db, place)).toEqual(second)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
