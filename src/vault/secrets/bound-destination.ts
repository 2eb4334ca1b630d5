// Whether an account's sealed secrets are bound to where the account's row says that they go. A row is a request: who changes it without
// the secret's key changes the answer from `same` to `changed`, and a person has to confirm it before a new secret goes there.
import type { Knex } from 'knex'
import type { AccountDestination } from '../../store/accounts/destinations.ts'
import { type CredentialRow, findAccountCredentials } from '../../store/secrets/credential-rows.ts'
import type { Keyring } from '../keys/keyring.ts'
import { destinationOf, open } from './envelope.ts'

/** `unknown`: nothing is sealed, or no key here opens it. */
export type Binding = 'same' | 'changed' | 'unknown'

/** Of these destinations, `same` if each sealed secret that opens is bound to one of them, `changed` if one is bound elsewhere. */
export async function bindingOf(
  db: Knex,
  ring: Keyring,
  accountId: number,
  ...destinations: readonly AccountDestination[]
): Promise<Binding> {
  const rows = await findAccountCredentials(db, accountId)
  const bound = rows.map(row => isBound(row, ring, destinations)).filter(answer => answer !== undefined)
  if (bound.length === 0) return 'unknown'
  return bound.includes(false) ? 'changed' : 'same'
}

/** Undefined where the envelope is none, is out of date or does not open. */
function isBound(row: CredentialRow, ring: Keyring, destinations: readonly AccountDestination[]): boolean | undefined {
  const { accountId, kind, plaintext, sealed } = row
  const isSuperseded = (plaintext?.length ?? 0) > 0
  plaintext?.fill(0)
  if (sealed === null || isSuperseded) return undefined
  const opened = open(ring.find, { table: 'credentials', kind, accountId }, sealed)
  if (opened.end !== 'ok') return undefined
  opened.secret.fill(0)
  return destinations.some(to => opened.destination.equals(destinationOf(kind, to, to.oauth)))
}
