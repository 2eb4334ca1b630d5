// What a person on a host decides where the database says of keys what this host does not believe: that what this host has seen holds
// (somebody wrote to the database, or an older backup was restored and this host's key goes on being used), or that the database is right
// (an older backup was restored, and the key of that time is to be used again). Either way the rows are signed anew with higher epochs. On
// other hosts a key that comes back into use has to be confirmed too.
import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import { inTransaction } from '../../store/db/database.ts'
import { insertAudit } from '../../store/people/audit.ts'
import { findNeededKeyIds, findSealedKeyIds } from '../../store/secrets/credential-rows.ts'
import {
  deleteKey,
  findKeys,
  type KeyRow,
  type KeyState,
  lockKeyChanges,
  lockKeys,
  readClock,
  writeKey,
  writeUnsealing,
} from '../../store/secrets/encryption-keys.ts'
import type { Key } from '../secrets/envelope.ts'
import { sealCanary } from './canary.ts'
import { type Forgery, isSigned, macOf, type SeenState, seenOf } from './key-state.ts'
import type { Keyring } from './keyring.ts'
import { readStates } from './read-states.ts'
import { readSeen, replaceStates } from './seen-states.ts'

/** `host`: what this host has seen holds. `database`: what the database says does. */
export type Confirmed = 'host' | 'database'

/** A key's state in doubt, and what it will be; null: it has no row, or its row goes. */
export interface Decision extends Pick<Forgery, 'keyHex' | 'kind' | 'says'> {
  becomes: KeyState | null
}

/** What a confirmation would make of what is in doubt. Empty: nothing is. */
export async function planConfirmation(db: Knex, ring: Keyring, which: Confirmed): Promise<Decision[]> {
  const { forgeries } = await readStates(db, ring)
  const sealedUnder = await findSealedKeyIds(db)
  const current = ring.current.kind === 'valid' ? ring.current.key.hex : undefined
  return forgeries.map(({ keyHex, kind, says, holds }) => {
    // Of a key that was never seen only this is known: whether it lies in its place, and whether something is sealed under it.
    const unseen = sealedUnder.includes(keyHex) ? (keyHex === current ? 'active' : 'retired') : null
    return { keyHex, kind, says, becomes: which === 'database' ? says : (holds ?? unseen) }
  })
}

/** Signs it so. Throws OperationError where nothing is in doubt, or where passwords would be left without a key in use. */
export async function confirmStates(db: Knex, ring: Keyring, which: Confirmed, actor: string): Promise<Decision[]> {
  const { decisions, remembered } = await inTransaction(db, async trx => {
    await lockKeyChanges(trx)
    await lockKeys(trx, 'alone')
    const planned = await planConfirmation(trx, ring, which)
    if (planned.length === 0) throw new OperationError('encryption.nothing_in_doubt', {})
    const seen = readSeen(ring.keyPaths).states
    // A request alone is about no key's state.
    const ofKeys = planned.filter(({ kind }) => kind !== 'unsealing')
    await writeUnsealing(trx, undefined)
    const states = which === 'host' ? await keepHost(trx, ring, ofKeys, seen) : await keepDatabase(trx, ring, seen)
    if ((await findKeys(trx)).every(row => row.state !== 'active') && (await findNeededKeyIds(trx)).length > 0) {
      throw new OperationError('encryption.would_lack_key', { by: which })
    }
    for (const { keyHex, says, becomes } of planned) {
      const detail = { key: keyHex.slice(0, 64), by: which, says, becomes }
      await insertAudit(trx, { actor, action: 'encryption.state_confirmed', detail })
    }
    return { decisions: planned, remembered: states }
  })
  replaceStates(ring.keyPaths, remembered)
  return decisions
}

type Seen = ReadonlyMap<string, SeenState>

async function keepHost(trx: Knex, ring: Keyring, decisions: readonly Decision[], seen: Seen): Promise<Seen> {
  // Those that give their place up first: one key at most is active.
  const order = [...decisions].sort((a, b) => Number(isInUse(a.becomes)) - Number(isInUse(b.becomes)))
  const remembered = new Map(seen)
  for (const { keyHex, becomes } of order) {
    const key = ring.find(keyHex)
    const row = (await findKeys(trx)).find(found => found.keyHex === keyHex)
    if (becomes === null) await deleteKey(trx, keyHex)
    else if (key !== undefined) {
      const completedAt = seen.get(keyHex)?.completed ? (row?.completedAt ?? (await readClock(trx))) : null
      remembered.set(keyHex, await writeSigned(trx, key, row, { state: becomes, completedAt }, seen))
    } else if (row !== undefined) await writeKey(trx, { ...row, state: becomes, mac: null })
    else throw new OperationError('encryption.unknown_key', { keyId: keyHex })
  }
  return remembered
}

async function keepDatabase(trx: Knex, ring: Keyring, seen: Seen): Promise<Seen> {
  const remembered = new Map<string, SeenState>()
  for (const row of await findKeys(trx)) {
    const key = ring.find(row.keyHex)
    if (key !== undefined) remembered.set(row.keyHex, await writeSigned(trx, key, row, row, seen))
  }
  return remembered
}

function isInUse(state: KeyState | null): boolean {
  return state === 'active' || state === 'next'
}

/** With an epoch above all that was seen. A backup counts as proven only where a signed row says so. */
async function writeSigned(
  trx: Knex,
  key: Key,
  row: KeyRow | undefined,
  { state, completedAt }: Pick<KeyRow, 'state' | 'completedAt'>,
  seen: Seen,
): Promise<SeenState> {
  const last = Math.max(seen.get(key.hex)?.epoch ?? 0, Number.isSafeInteger(row?.epoch) ? (row?.epoch ?? 0) : 0)
  const backupProvenAt = row !== undefined && isSigned(key, row) ? row.backupProvenAt : null
  const canary = sealCanary(key)
  const signed = { keyHex: key.hex, state, completedAt, backupProvenAt, unsealingAt: null, canary, epoch: last + 1 }
  await writeKey(trx, { ...signed, mac: macOf(key, signed) })
  return seenOf(signed)
}
