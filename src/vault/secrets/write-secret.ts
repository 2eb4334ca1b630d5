// How a new secret gets into its row: sealed once a key is active, so that it never stands in a statement in the clear.

import type { Knex } from 'knex'
import { CommandError } from '../../errors/errors.ts'
import type { SecretKind } from '../../model/destination.ts'
import { getDestination } from '../../store/accounts/destinations.ts'
import { writeCredential } from '../../store/secrets/credential-rows.ts'
import { type KeyPaths, readKeyring } from '../keys/keyring.ts'
import { type Destination16, destinationOf, seal } from './envelope.ts'
import { type Lack, lockWriteKey } from './write-key.ts'

export type WriteSecret = (
  trx: Knex.Transaction,
  accountId: number,
  secret: string,
  /**
   * `kind`: default `password`. `destination`: what it is bound to; default: what the account has by then. `isRenewal`: a provider gave it in
   * the place of one that is stored, and it is lost unless it is stored now.
   */
  how?: { kind?: SecretKind; destination?: Destination16; isRenewal?: true },
) => Promise<void>

/** Throws CommandError where it must be sealed and this host lacks the key, or does not use it yet. */
export function createSecretWriter(keyPaths: KeyPaths): WriteSecret {
  return async (trx, accountId, text, { kind = 'password', destination, isRenewal } = {}) => {
    const write = await lockWriteKey(trx, readKeyring(keyPaths))
    // What is renewed stands there in plaintext until now, and is sealed with the others.
    const isKept = write.form === 'lacking' && write.why === 'new' && isRenewal
    if (write.form === 'lacking' && !isKept)
      throw lacking(keyPaths, `the ${secretWords[kind]} of account ${accountId}`, write)
    if (write.form !== 'sealed') return await writeCredential(trx, accountId, kind, { plaintext: text })
    const secret = Buffer.from(text)
    const bound = destination ?? (await readDestination(trx, accountId, kind))
    const sealed = seal(write.key, { table: 'credentials', kind, accountId }, bound, secret)
    secret.fill(0)
    await writeCredential(trx, accountId, kind, { sealed })
  }
}

function lacking(keyPaths: KeyPaths, what: string, { keyHex, why }: { keyHex: string; why: Lack }): CommandError {
  const status = '`letterlock encryption status` says what is wrong'
  switch (why) {
    case 'away':
      return new CommandError(
        `${what} cannot be sealed: the key ${keyHex} is not visible to this user`,
        `run the command on the server as a user who may read ${keyPaths.file}, or with \`letterlock-admin\`; ${status}`,
      )
    case 'new':
      return new CommandError(
        `${what} was not stored in plaintext: the key file ${keyPaths.file} is not in use yet`,
        `repeat this in a few seconds; ${status}`,
      )
    case 'refused':
      return new CommandError(
        `${what} was not stored in plaintext: a key file lies at ${keyPaths.file} and cannot be used`,
        status,
      )
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
