// Random secrets of the installation, by name.
import type { Knex } from 'knex'

export interface SecretRow {
  plaintext: Buffer | null
  sealed: Buffer | null
}

export async function findSecret(db: Knex, name: string): Promise<SecretRow | undefined> {
  return await db('secrets').where({ name }).first('plaintext', 'sealed')
}

/** The same, locked until the transaction ends. */
export async function lockSecret(trx: Knex.Transaction, name: string): Promise<SecretRow | undefined> {
  return await trx('secrets').where({ name }).forUpdate().first('plaintext', 'sealed')
}

/** Writes it in one form; the other goes. */
export async function writeSecretRow(
  trx: Knex,
  name: string,
  value: { plaintext: Buffer } | { sealed: Buffer },
): Promise<void> {
  const both = { plaintext: null, sealed: null, ...value }
  await trx('secrets')
    .insert({ name, ...both })
    .onConflict()
    .merge(both)
}

/** Ids of the keys that seal them, in hex. */
export async function findSecretKeys(db: Knex): Promise<string[]> {
  const rows: { key_id: Buffer }[] = await db('secrets')
    .whereNotNull('sealed')
    .distinct(db.raw('SUBSTR(sealed, 2, 8) AS key_id'))
  return rows.map(row => row.key_id.toString('hex'))
}
