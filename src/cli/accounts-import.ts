// `letterlock account import FILE`: many accounts at once.
import { readFileSync } from 'node:fs'
import type { Knex } from 'knex'
import { CommandError } from '../errors.ts'
import { findAddresses, lockAddresses } from '../store/account-addresses.ts'
import { insertOrRevive } from '../store/account-changes.ts'
import { insertAudit } from '../store/audit.ts'
import { inTransaction } from '../store/database.ts'
import { keysOf } from '../vault/keyring.ts'
import { createSecretWriter, type WriteSecret } from '../vault/write-secret.ts'
import { type AccountLine, parseAccountsCsv, refused } from './accounts-csv.ts'
import { actor } from './actor.ts'
import { type GlobalOptions, withDatabase } from './connect.ts'
import { print, remark } from './terminal.ts'

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

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    throw new CommandError(`the file ${file} ${why}`, 'check the path', 2)
  }
}
