// In which form a secret is written now: in plaintext while no key is active or encryption is being turned off, sealed otherwise. Whoever
// asks holds a share of the lock on the active key's row until his transaction ends, so the answer stays true for what he writes.
import type { Knex } from 'knex'
import { findNeededKeyIds } from '../store/credentials.ts'
import { lockKeys, readUnsealing } from '../store/encryption-keys.ts'
import { opensCanary } from './canary.ts'
import type { Key } from './envelope.ts'
import type { Keyring } from './keyring.ts'

export type WriteKey =
  | { form: 'plaintext' }
  | { form: 'sealed'; key: Key }
  /** It should be sealed, and the key is not in its place on this host, or is another one. */
  | { form: 'lacking'; keyHex: string }

/** `ring`: a look at the key files that was made now. */
export async function lockWriteKey(trx: Knex.Transaction, ring: Keyring): Promise<WriteKey & { unsealing: boolean }> {
  const { active, next } = await lockKeys(trx, 'shared')
  if (active === undefined) {
    // Envelopes without any key known: somebody took the rows of the keys away, or restored only a part.
    const [keyHex] = await findNeededKeyIds(trx)
    return keyHex === undefined
      ? { form: 'plaintext', unsealing: false }
      : { form: 'lacking', keyHex, unsealing: false }
  }
  // Whoever may only write to the database could ask for it as well: without the proof secrets go on being sealed here.
  const unsealing = (await readUnsealing(trx)) === active.keyHex && ring.proves(active.keyHex)
  const row = next ?? active
  const key = ring.find(row.keyHex)
  if (key === undefined || !opensCanary(key, row) || !isInPlace(ring, active.keyHex))
    return { form: 'lacking', keyHex: row.keyHex, unsealing }
  return unsealing ? { form: 'plaintext', unsealing } : { form: 'sealed', key, unsealing }
}

/** As the key file, or as the next one where a rotation has yet to move it. */
function isInPlace({ current, next }: Keyring, keyHex: string): boolean {
  return [current, next].some(fact => fact.kind === 'valid' && fact.key.hex === keyHex)
}
