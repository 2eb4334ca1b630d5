// Gathers what encryption-state.ts decides from. A few look-ups on indexes, whatever the number of rows.
import { hostname } from 'node:os'
import type { Knex } from 'knex'
import { findLiveWorkers } from '../../store/accounts/leases.ts'
import { findNeededKeyIds, findSealedKeyIds, isAnyToSeal } from '../../store/secrets/credential-rows.ts'
import { type Keyring, readProof } from '../keys/keyring.ts'
import { readStates, type States } from '../keys/read-states.ts'
import type { Facts } from './encryption-state.ts'

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
    proof: readProof(ring.keyPaths),
    sealedUnder,
    superseded: named.length > sealedUnder.length,
    anyPlaintext: await isAnyToSeal(db),
    workers: await findLiveWorkers(db),
    here: hostname(),
  }
}

/**
 * The same for a command, which may run as a user who does not see what the service sees: systemd gives the key to the service alone, or
 * its directory is closed. The daemon of this host says which keys it holds; nothing is written on its word.
 */
export async function readFactsOfCommand(db: Knex, ring: Keyring): Promise<Facts & { states: States }> {
  const facts = await readFacts(db, ring)
  const { current, workers, here } = facts
  const activeHex = facts.states.active?.keyHex
  const isHidden = current.kind === 'absent' || (current.kind === 'refused' && current.code === 'key_file.unreadable')
  if (ring.keyPaths.isService || activeHex === undefined || !isHidden || facts.held.includes(activeHex)) return facts
  const isNotVisible = workers.some(({ host, keyIds }) => host === here && keyIds.includes(activeHex))
  return { ...facts, isNotVisible, user: String(process.geteuid?.() ?? '?') }
}
