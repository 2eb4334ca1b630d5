// How a new secret gets into its row: sealed once a key is active, so that it never stands in a statement in the clear.

import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import type { SecretWord } from '../../errors/mail.ts'
import type { SecretKind } from '../../model/destination.ts'
import type { Destination16, WriteSecret } from '../../model/secret.ts'
import { getDestination } from '../../store/accounts/destinations.ts'
import { writeCredential } from '../../store/secrets/credential-rows.ts'
import { type KeyPaths, readKeyring } from '../keys/keyring.ts'
import { destinationOf, seal } from './envelope.ts'
import { lockWriteKey } from './write-key.ts'

/** Throws OperationError where it must be sealed and this host lacks the key, or does not use it yet. */
export function createSecretWriter(keyPaths: KeyPaths): WriteSecret {
  return async (trx, accountId, text, { kind = 'password', destination, isRenewal } = {}) => {
    const write = await lockWriteKey(trx, readKeyring(keyPaths))
    // What is renewed stands there in plaintext until now, and is sealed with the others.
    const isKept = write.form === 'lacking' && write.why === 'new' && isRenewal
    if (write.form === 'lacking' && !isKept)
      throw new OperationError('secret.not_sealed', {
        account: accountId,
        secret: secretWords[kind],
        reason: lacks[write.why],
        keyId: write.keyHex,
        file: keyPaths.file,
      })
    if (write.form !== 'sealed') return await writeCredential(trx, accountId, kind, { plaintext: text })
    const secret = Buffer.from(text)
    const bound = destination ?? (await readDestination(trx, accountId, kind))
    const sealed = seal(write.key, { table: 'credentials', kind, accountId }, bound, secret)
    secret.fill(0)
    await writeCredential(trx, accountId, kind, { sealed })
  }
}

const lacks = { away: 'not_visible', new: 'not_in_use', refused: 'refused' } as const

async function readDestination(trx: Knex.Transaction, accountId: number, kind: SecretKind): Promise<Destination16> {
  const found = await getDestination(trx, accountId)
  return destinationOf(kind, found, found.oauth)
}

/** What people call a secret of this kind. */
export const secretWords: Readonly<Record<SecretKind, SecretWord>> = {
  password: 'password',
  'oauth-refresh-token': 'refresh token',
  'oauth-client-secret': 'client secret',
}
