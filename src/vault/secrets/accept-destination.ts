// Binds an account's sealed secrets to the destination that a person was shown. Only who holds the key can do it, on the server: to write to
// the database is not enough to have a password or a token sent somewhere else, not even between the question and its answer.
import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import { type AccountDestination, checkShown, getDestination } from '../../store/accounts/destinations.ts'
import { inTransaction } from '../../store/db/database.ts'
import { insertAudit } from '../../store/people/audit.ts'
import { type CredentialRow, lockAccountCredentials, writeCredential } from '../../store/secrets/credential-rows.ts'
import { type KeyPaths, type Keyring, readKeyring } from '../keys/keyring.ts'
import { destinationOf, type Key, keyHexOf, open, seal } from './envelope.ts'
import { lockWriteKey } from './write-key.ts'
import { secretWords } from './write-secret.ts'

type SealedRow = CredentialRow & { sealed: Buffer }

/**
 * `accepted`, or `unchanged` where all were bound so already. `shown`: what the person said yes to. Throws OperationError where the account
 * has another destination by now, or one that cannot be shown.
 */
export async function acceptDestination(
  db: Knex,
  keyPaths: KeyPaths,
  accountId: number,
  shown: AccountDestination,
  actor: string,
): Promise<'accepted' | 'unchanged'> {
  return await inTransaction(db, async trx => {
    const ring = readKeyring(keyPaths)
    await trx('accounts').where({ id: accountId }).forUpdate().first('id')
    const write = await lockWriteKey(trx, ring)
    const rows = await findSealed(trx, accountId)
    if (rows.length === 0) throw new OperationError('encryption.nothing_to_accept', { account: accountId })
    if (write.form === 'lacking') {
      throw new OperationError('secret.key_not_visible', { keyId: write.keyHex, file: keyPaths.file })
    }
    const destination = await getDestination(trx, accountId)
    checkShown(accountId, destination, shown)
    let accepted = 0
    for (const row of rows)
      if (await bind(trx, row, destination, ring, write.form === 'sealed' ? write.key : undefined)) accepted += 1
    if (accepted === 0) return 'unchanged'
    await trx('accounts').where({ id: accountId }).update({ next_attempt_at: null })
    await insertAudit(trx, { actor, action: 'encryption.accept_destination', accountId })
    return 'accepted'
  })
}

/** Those with a newer plaintext over them are none. */
async function findSealed(trx: Knex.Transaction, accountId: number): Promise<SealedRow[]> {
  const rows = await lockAccountCredentials(trx, accountId)
  const isOld = (row: CredentialRow): boolean => (row.plaintext?.length ?? 0) > 0
  const found = rows.filter((row): row is SealedRow => row.sealed !== null && !isOld(row))
  for (const row of rows) row.plaintext?.fill(0)
  return found
}

/** True if it was bound to another destination until now. */
async function bind(
  trx: Knex.Transaction,
  { accountId, kind, sealed }: SealedRow,
  to: AccountDestination,
  ring: Keyring,
  writeKey: Key | undefined,
): Promise<boolean> {
  const context = { table: 'credentials', kind, accountId } as const
  const opened = open(ring.find, context, sealed)
  if (opened.end !== 'ok') {
    throw new OperationError('secret.not_opened', {
      account: accountId,
      secret: secretWords[kind],
      why: opened.end,
    })
  }
  const destination = destinationOf(kind, to, to.oauth)
  try {
    if (opened.destination.equals(destination)) return false
    const key = writeKey ?? ring.find(keyHexOf(sealed) ?? '')
    if (key === undefined) throw new OperationError('encryption.no_key', { reason: 'gone' })
    await writeCredential(trx, accountId, kind, { sealed: seal(key, context, destination, opened.secret) })
    return true
  } finally {
    opened.secret.fill(0)
  }
}
