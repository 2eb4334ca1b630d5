// Binds a sealed password to the destination that its account has now. Only who holds the key can do it, on the server: to write to the
// database is not enough to have a password sent somewhere else.
import type { Knex } from 'knex'
import { CommandError } from '../errors.ts'
import { getDestination } from '../store/accounts.ts'
import { insertAudit } from '../store/audit.ts'
import { findCredential, writeCredential } from '../store/credentials.ts'
import { inTransaction } from '../store/database.ts'
import { imapDestination, open, seal } from './envelope.ts'
import { type KeyPlace, readKeyring } from './keyring.ts'
import { lockWriteKey } from './write-key.ts'

/** `accepted`, or `unchanged` where it was bound so already. Throws CommandError. */
export async function acceptDestination(
  db: Knex,
  place: KeyPlace,
  accountId: number,
  actor: string,
): Promise<'accepted' | 'unchanged'> {
  return await inTransaction(db, async trx => {
    const ring = readKeyring(place)
    await trx('accounts').where({ id: accountId }).forUpdate().first('id')
    const write = await lockWriteKey(trx, ring)
    const row = await findCredential(trx, accountId, 'password')
    if (!row?.sealed || (row.plaintext?.length ?? 0) > 0)
      throw new CommandError(`account ${accountId} has no sealed password`, 'there is nothing to accept')
    if (write.form === 'lacking') {
      throw new CommandError(
        `the key ${write.keyHex} is not to be had here`,
        `run the command on the server as a user who may read ${place.file}`,
      )
    }
    const rowPlace = { table: 'credentials', kind: 'password', accountId } as const
    const opened = open(ring.find, rowPlace, row.sealed)
    if (opened.end !== 'ok') {
      throw new CommandError(
        `the sealed password of account ${accountId} cannot be opened (${opened.end})`,
        `set it again with \`letterlock account set ${accountId} --ask-password\``,
      )
    }
    const destination = imapDestination(await getDestination(trx, accountId))
    try {
      if (opened.destination.equals(destination)) return 'unchanged'
      const key = write.form === 'sealed' ? write.key : ring.find(row.sealed.toString('hex', 1, 9))
      if (key === undefined) throw new CommandError('the key went away', 'put the key file back')
      await writeCredential(trx, accountId, 'password', { sealed: seal(key, rowPlace, destination, opened.secret) })
    } finally {
      opened.secret.fill(0)
    }
    await trx('accounts').where({ id: accountId }).update({ next_attempt_at: null })
    await insertAudit(trx, { actor, action: 'encryption.accept_destination', accountId })
    return 'accepted'
  })
}
