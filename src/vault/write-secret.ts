// How a new password gets into its row: sealed once a key is active, so that it never stands in a statement in the clear.
import type { Knex } from 'knex'
import { CommandError } from '../errors.ts'
import { getDestination } from '../store/accounts.ts'
import { writeCredential } from '../store/credentials.ts'
import { imapDestination, seal } from './envelope.ts'
import { type KeyPlace, readKeyring } from './keyring.ts'
import { lockWriteKey } from './write-key.ts'

export type WriteSecret = (trx: Knex.Transaction, accountId: number, password: string) => Promise<void>

/** Throws CommandError where it must be sealed and this host lacks the key. Binds to the destination that the account has by then. */
export function createSecretWriter(place: KeyPlace): WriteSecret {
  return async (trx, accountId, password) => {
    const write = await lockWriteKey(trx, readKeyring(place))
    if (write.form === 'lacking') {
      throw new CommandError(
        `the password of account ${accountId} cannot be sealed: the key ${write.keyHex} is not to be had here`,
        `run the command on the server as a user who may read ${place.file}; \`letterlock encryption status\` says what is wrong`,
      )
    }
    if (write.form === 'plaintext') return await writeCredential(trx, accountId, 'password', { plaintext: password })
    const secret = Buffer.from(password)
    const destination = imapDestination(await getDestination(trx, accountId))
    const sealed = seal(write.key, { table: 'credentials', kind: 'password', accountId }, destination, secret)
    secret.fill(0)
    await writeCredential(trx, accountId, 'password', { sealed })
  }
}
