// Every migration in its order, by name: a list instead of a directory scan, so that names carry no file extension and
// nothing else in the folder is ever run. Each is safe to run again: DDL is not transactional, a crash may leave half of one.
import type { Knex } from 'knex'
import * as accounts from './20261124_01_accounts.ts'
import * as tickets from './20261124_02_tickets.ts'
import * as service from './20261124_03_service.ts'
import * as encryption from './20261125_01_encryption.ts'
import * as understanding from './20261125_02_understanding.ts'
import * as html from './20261125_03_html.ts'
import * as push from './20261126_01_push.ts'
import * as oauth from './20261126_02_oauth.ts'
import * as web from './20261126_03_web.ts'
import * as ticketLists from './20261126_04_ticket_lists.ts'
import * as keyStates from './20261129_01_key_states.ts'
import * as pictureKeys from './20261129_03_picture_keys.ts'
import * as accountCauses from './20261129_11_account_causes.ts'
import * as derivedHtml from './20261129_20_derived_html.ts'
import * as noStoredHtml from './20261129_21_no_stored_html.ts'
import * as rawWithoutRows from './20261129_22_raw_without_rows.ts'
import * as senderCheck from './20261129_25_sender_check.ts'
import * as uidsToRead from './20261129_26_uids_to_read.ts'
import * as seenAuthservIds from './20261129_30_seen_authserv_ids.ts'
import * as canary from './20261129_33_canary.ts'

export interface Migration {
  name: string
  /**
   * It takes away what programs before this version of the schema use: it waits until the last worker that runs one has ended, and from then
   * on they are refused.
   */
  awaits?: number
  up(db: Knex): Promise<void>
}

export const migrations: readonly Migration[] = [
  { name: '20261124_01_accounts', up: accounts.up },
  { name: '20261124_02_tickets', up: tickets.up },
  { name: '20261124_03_service', up: service.up },
  { name: '20261125_01_encryption', up: encryption.up },
  { name: '20261125_02_understanding', up: understanding.up },
  { name: '20261125_03_html', up: html.up },
  { name: '20261126_01_push', up: push.up },
  { name: '20261126_02_oauth', up: oauth.up },
  { name: '20261126_03_web', up: web.up },
  { name: '20261126_04_ticket_lists', up: ticketLists.up },
  { name: '20261129_01_key_states', up: keyStates.up },
  { name: '20261129_03_picture_keys', up: pictureKeys.up },
  { name: '20261129_11_account_causes', up: accountCauses.up },
  { name: '20261129_20_derived_html', up: derivedHtml.up },
  { name: '20261129_21_no_stored_html', awaits: 10, up: noStoredHtml.up },
  { name: '20261129_22_raw_without_rows', up: rawWithoutRows.up },
  { name: '20261129_25_sender_check', up: senderCheck.up },
  { name: '20261129_26_uids_to_read', up: uidsToRead.up },
  { name: '20261129_30_seen_authserv_ids', up: seenAuthservIds.up },
  { name: '20261129_33_canary', up: canary.up },
]

/**
 * The version that this program needs, and the oldest program's version that can work on the schema it makes. A change that an
 * older program survives (a new table, a column with a default) leaves `compatibleFrom`, so that hosts are upgraded one by one.
 */
export const schemaVersion = { version: 16, compatibleFrom: 1 } as const
