// Gathers what encryption-state.ts decides from. A few look-ups on indexes, whatever the number of rows.
import type { Knex } from 'knex'
import { findNeededKeyIds, findSealedKeyIds, isAnyToSeal } from '../store/credentials.ts'
import { findKeys, readUnsealing } from '../store/encryption-keys.ts'
import { findLiveWorkers } from '../store/workers.ts'
import type { Facts } from './encryption-state.ts'
import type { Keyring } from './keyring.ts'

/** `settled`: whether the files were the same for long enough; a command, which looks once, does not know and says no. */
export async function readFacts(
  db: Knex,
  ring: Keyring,
  settled: Facts['settled'] = { current: false, next: false },
): Promise<Facts> {
  const rows = await findKeys(db)
  const named = await findSealedKeyIds(db)
  const isActive = rows.some(row => row.state === 'active')
  // Few or none without an active key; otherwise the walk on the index is enough.
  const sealedUnder = isActive || named.length === 0 ? named : await findNeededKeyIds(db)
  return {
    current: ring.current,
    next: ring.next,
    settled,
    held: ring.ids,
    rows: rows.map(({ keyHex, state, completedAt }) => ({ keyHex, state, completed: completedAt !== null })),
    unsealing: await readUnsealing(db),
    sealedUnder,
    superseded: named.length > sealedUnder.length,
    anyPlaintext: await isAnyToSeal(db),
    workers: await findLiveWorkers(db),
  }
}
