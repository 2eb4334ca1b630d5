// How a new secret gets into its row: sealed once a key is active, so that it never stands in a statement in the clear.
import type { Knex } from 'knex'
import { CommandError } from '../errors.ts'
import { writeCredential } from '../store/credentials.ts'
import { getDestination } from '../store/destinations.ts'
import { type Destination16, destinationOf, type SecretKind, seal } from './envelope.ts'
import { type KeyPlace, readKeyring } from './keyring.ts'
import { lockWriteKey } from './write-key.ts'

export type WriteSecret = (
  trx: Knex.Transaction,
  accountId: number,
  secret: string,
  /** `kind`: default `password`. `destination`: what it is bound to; default: what the account has by then. */
  how?: { kind?: SecretKind; destination?: Destination16 },
) => Promise<void>

/** Throws CommandError where it must be sealed and this host lacks the key. */
export function createSecretWriter(place: KeyPlace): WriteSecret {
  return async (trx, accountId, text, { kind = 'password', destination } = {}) => {
    const write = await lockWriteKey(trx, readKeyring(place))
    if (write.form === 'lacking') {
      throw new CommandError(
        `the ${secretWords[kind]} of account ${accountId} cannot be sealed: the key ${write.keyHex} is not to be had here`,
        `run the command on the server as a user who may read ${place.file}; \`letterlock encryption status\` says what is wrong`,
      )
    }
    if (write.form === 'plaintext') return await writeCredential(trx, accountId, kind, { plaintext: text })
    const secret = Buffer.from(text)
    const bound = destination ?? (await readDestination(trx, accountId, kind))
    const sealed = seal(write.key, { table: 'credentials', kind, accountId }, bound, secret)
    secret.fill(0)
    await writeCredential(trx, accountId, kind, { sealed })
  }
}

async function readDestination(trx: Knex.Transaction, accountId: number, kind: SecretKind): Promise<Destination16> {
  const found = await getDestination(trx, accountId)
  return destinationOf(kind, found, found.oauth)
}

/** What people call a secret of this kind. */
export const secretWords: Readonly<Record<SecretKind, string>> = {
  password: 'password',
  'oauth-refresh-token': 'refresh token',
  'oauth-client-secret': 'client secret',
}
