// Gathers what encryption-state.ts decides from. A few look-ups on indexes, whatever the number of rows.
import { hostname } from 'node:os'
import type { Knex } from 'knex'
import { findNeededKeyIds, findSealedKeyIds, isAnyToSeal } from '../store/credentials.ts'
import { findLiveWorkers } from '../store/workers.ts'
import type { Facts } from './encryption-state.ts'
import { type Keyring, readProof } from './keyring.ts'
import { readStates, type States } from './read-states.ts'

/** `settled`: whether the files were the same for long enough; a command, which looks once, does not know and says no. */
export async function readFacts(
  db: Knex,
  ring: Keyring,
  settled: Facts['settled'] = { current: false, next: false },
): Promise<Facts & { states: States }> {
  const states = await readStates(db, ring)
  const { active, keys, forgeries, foreignNext, isAskedHere } = states
  const named = await findSealedKeyIds(db)
  // Few or none without an active key; otherwise the walk on the index is enough.
  const sealedUnder = active !== undefined || named.length === 0 ? named : await findNeededKeyIds(db)
  return {
    states,
    current: ring.current,
    next: ring.next,
    settled,
    held: ring.ids,
    rows: keys.map(({ keyHex, state, completed }) => ({ keyHex, state, completed })),
    forgeries,
    foreignNext,
    unsealing: active?.unsealingAt ? active.keyHex : undefined,
    isAskedHere,
    proof: readProof(ring.place),
    sealedUnder,
    superseded: named.length > sealedUnder.length,
    anyPlaintext: await isAnyToSeal(db),
    workers: await findLiveWorkers(db),
    here: hostname(),
  }
}
