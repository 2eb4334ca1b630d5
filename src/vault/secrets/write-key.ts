// In which form a secret is written now: in plaintext while no key is active or encryption is being turned off, sealed otherwise. What
// decides is what this host believes of the keys (key-state.ts) and its own files, never a row alone: nothing is sealed under a key that
// is not the key file or the next one, and nothing is written in plaintext while a key file lies in its place. Whoever asks holds a share
// of the lock on the active key's row until their transaction ends, so the answer stays true for what they write.
import type { Knex } from 'knex'
import { findNeededKeyIds } from '../../store/secrets/credential-rows.ts'
import { lockKeys } from '../../store/secrets/encryption-keys.ts'
import type { Keyring } from '../keys/keyring.ts'
import { readStates, type States } from '../keys/read-states.ts'
import type { Key } from './envelope.ts'

export type WriteKey =
  | { form: 'plaintext' }
  | { form: 'sealed'; key: Key }
  /** It should be sealed, and cannot be. */
  | { form: 'lacking'; keyHex: string; why: Lack }

/**
 * `away`: the key is not in its place on this host, or is another one. `new`: the key file was never used yet, and will be within seconds.
 * `refused`: a file lies in the key's place that this host does not use, or the rows of the keys are not to be believed.
 */
export type Lack = 'away' | 'new' | 'refused'

/** `ring`: a look at the key files that was made now. */
export async function lockWriteKey(trx: Knex.Transaction, ring: Keyring): Promise<WriteKey & { unsealing: boolean }> {
  await lockKeys(trx, 'shared')
  const states = await readStates(trx, ring)
  const { active, next } = states
  if (active === undefined) return { ...(await withoutKey(trx, ring, states)), unsealing: false }
  // Whoever may only write to the database could ask for it as well: secrets go on being sealed unless it was asked for here, with the proof.
  const unsealing = states.isAskedHere && ring.proves(active.keyHex)
  const { keyHex } = next ?? active
  const key = ring.find(keyHex)
  if (key === undefined || ![keyHex, active.keyHex].every(hex => isInPlace(ring, hex)))
    return { form: 'lacking', keyHex, why: ring.isWhole ? 'away' : 'refused', unsealing }
  return unsealing ? { form: 'plaintext', unsealing } : { form: 'sealed', key, unsealing }
}

async function withoutKey(trx: Knex, ring: Keyring, { keys, forgeries }: States): Promise<WriteKey> {
  // Envelopes without any key known: somebody took the rows of the keys away, or restored only a part.
  const [keyHex] = await findNeededKeyIds(trx)
  if (keyHex !== undefined) return { form: 'lacking', keyHex, why: 'away' }
  const { current } = ring
  const hex = current.kind === 'valid' ? current.key.hex : 'in place'
  const known = keys.find(key => key.keyHex === hex)
  if (forgeries.length > 0) return { form: 'lacking', keyHex: hex, why: 'refused' }
  // Retired: encryption was turned off, and the file may not be renamed.
  if (current.kind === 'absent' || known?.state === 'retired') return { form: 'plaintext' }
  return { form: 'lacking', keyHex: hex, why: current.kind === 'valid' && known === undefined ? 'new' : 'refused' }
}

/** As the key file, or as the next one where a rotation has yet to move it. */
function isInPlace({ current, next }: Keyring, keyHex: string): boolean {
  return [current, next].some(fact => fact.kind === 'valid' && fact.key.hex === keyHex)
}
