// The keys as this host believes them (key-state.ts), read from the database, the key files and what this host has seen before.
import type { Knex } from 'knex'
import { findKeys, readUnsealing } from '../../store/secrets/encryption-keys.ts'
import type { BelievedKey, Judgement } from './key-state.ts'
import { judgeKeys } from './key-state.ts'
import type { Keyring } from './keyring.ts'
import { readSeen } from './seen-states.ts'

export interface States extends Judgement {
  active: BelievedKey | undefined
  next: BelievedKey | undefined
  /** Turning off was asked for on this very host. */
  isAskedHere: boolean
}

export async function readStates(db: Knex, ring: Keyring): Promise<States> {
  // First what was seen, then the rows: they can only be newer.
  const seen = readSeen(ring.keyPaths)
  const rows = await findKeys(db)
  const asked = await readUnsealing(db)
  const { find, current, next } = ring
  const judged = judgeKeys(rows, { find, current: hexIn(current), next: hexIn(next) }, seen.states, asked)
  const active = judged.keys.find(key => key.state === 'active')
  const at = active?.unsealingAt?.toISOString()
  return {
    ...judged,
    active,
    next: judged.keys.find(key => key.state === 'next'),
    isAskedHere: at !== undefined && seen.unsealing?.keyHex === active?.keyHex && seen.unsealing?.at === at,
  }
}

function hexIn(fact: Keyring['current']): string | undefined {
  return fact.kind === 'valid' ? fact.key.hex : undefined
}
