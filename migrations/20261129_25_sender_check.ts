// Whether a mail is from the domain that its From names: which mail servers an account believes about it, and what they said of each message.
import type { Knex } from 'knex'
import { addColumn } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  await addColumn(
    db,
    'accounts',
    'authserv_ids',
    "VARCHAR(2000) NULL COMMENT 'names in Authentication-Results to believe, as a JSON list; NULL: nobody said'",
  )
  await addColumn(
    db,
    'messages',
    'auth_json',
    "VARCHAR(1000) NULL COMMENT 'verdict on the sender; NULL: ingested before there was one'",
  )
}
