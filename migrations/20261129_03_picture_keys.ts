// With what the addresses of pictures in mails are checked: the public half of a key whose private half follows from the token that the
// browser alone has.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await addColumn(
    db,
    'sessions',
    'picture_key',
    "BINARY(32) NULL COMMENT 'Ed25519 public key: checks the addresses of pictures; null until a mail was looked at'",
  )
}
