// Lists of tickets by kind: what the mail that opened a ticket was, and indexes that hold every list in its order.
import type { Knex } from 'knex'
import { addColumn, addIndex } from './change-table.ts'

export async function up(db: Knex): Promise<void> {
  // The default: what an older program opens meanwhile.
  await addColumn(
    db,
    'tickets',
    'kind',
    "VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'human' COMMENT 'of the mail that opened it, as messages.kind'",
  )
  await db.raw(`
    UPDATE tickets
      JOIN (SELECT ticket_id, MIN(id) AS id FROM messages GROUP BY ticket_id) AS first ON first.ticket_id = tickets.id
      JOIN messages ON messages.id = first.id
    SET tickets.kind = messages.kind
    WHERE messages.kind <> 'human' AND tickets.kind = 'human'`)
  await addIndex(db, 'tickets', 'tickets_kind', '(kind, status, updated_at)')
  await addIndex(db, 'tickets', 'tickets_account_kind', '(account_id, kind, status, updated_at)')
}
