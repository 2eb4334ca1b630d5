// `letterlock account import FILE`: many accounts at once.
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import type { Knex } from 'knex'
import { CommandError } from '../../errors/errors.ts'
import { findAddresses, lockAddresses } from '../../store/accounts/account-addresses.ts'
import { insertOrRevive } from '../../store/accounts/account-changes.ts'
import { inTransaction } from '../../store/db/database.ts'
import { insertAudit } from '../../store/people/audit.ts'
import { keysOf } from '../../vault/keys/keyring.ts'
import { createSecretWriter, type WriteSecret } from '../../vault/secrets/write-secret.ts'
import { actor } from '../actor.ts'
import { type GlobalOptions, withDatabase } from '../connect.ts'
import { print, remark } from '../terminal.ts'
import { type AccountLine, parseAccountsCsv, refused } from './csv.ts'

/** All lines of the file, or none. */
export async function importAccounts(file: string, options: GlobalOptions): Promise<void> {
  const lines = parseAccountsCsv(readText(file), file)
  await withDatabase(options, async (db, config) => {
    const writeSecret = createSecretWriter(keysOf(config))
    await inTransaction(db, trx => insertAll(trx, lines, file, writeSecret))
    await print(`${lines.length} ${lines.length === 1 ? 'account' : 'accounts'} added`)
    remark(`${file} holds passwords: remove it when you are done`)
  })
}

async function insertAll(
  trx: Knex.Transaction,
  lines: readonly AccountLine[],
  file: string,
  writeSecret: WriteSecret,
): Promise<void> {
  await lockAddresses(trx)
  const addresses = lines.map(({ account }) => account.address)
  const present = new Map((await findAddresses(trx, addresses)).map(({ id, address }) => [address, id]))
  const faults = lines
    .filter(({ account }) => present.has(account.address))
    .map(({ line, account }) => `line ${line}: ${account.address} is account ${present.get(account.address)} already`)
  if (faults.length > 0) throw refused(file, faults, 1)
  for (const [i, { account }] of lines.entries()) {
    const id = await insertOrRevive(trx, account, writeSecret)
    await insertAudit(trx, { actor: actor(), action: 'account.import', accountId: id })
    if ((i + 1) % 1_000 === 0) remark(`${i + 1} of ${lines.length} …`)
  }
}

/** Throws CommandError for what is not UTF-8: replaced letters in a password would be found out by the mail server alone. */
function readText(file: string): string {
  const bytes = readBytes(file)
  if (isUtf8(bytes)) return bytes.toString('utf8')
  throw refused(file, [
    `line ${lineWithoutUtf8(bytes)}: it is not UTF-8: save the file as UTF-8 (in Excel: “CSV UTF-8”), and import it again`,
  ])
}

/** The first line, from 1, that is none. */
function lineWithoutUtf8(bytes: Buffer): number {
  for (let line = 1, from = 0; ; line++) {
    const end = bytes.indexOf('\n', from)
    if (end < 0 || !isUtf8(bytes.subarray(from, end))) return line
    from = end + 1
  }
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    throw new CommandError(`the file ${file} ${why}`, 'check the path', 2)
  }
}
