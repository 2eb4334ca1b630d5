// What `letterlock doctor` says of the nightly job (when it last ran, what it removed), of backups, and of retired key files that nothing needs
// any more.
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { nightlyAction } from '../../schedule/nightly.ts'
import { findLastAudit } from '../../store/people/audit.ts'
import { findIdleKeyFiles } from '../../vault/keys/idle-key-files.ts'
import { keysOf } from '../../vault/keys/keyring.ts'
import { time } from '../terminal.ts'
import { type Finding, note, ok } from './finding.ts'

const check = 'nightly job'
const lateMs = 2 * 86_400_000

/** Nothing before its first night. */
export async function checkNightly(db: Knex, now: Date): Promise<Finding[]> {
  const last = await findLastAudit(db, nightlyAction)
  if (last === undefined) return []
  if (now.getTime() - last.at.getTime() > lateMs)
    return [
      note(
        check,
        `last finished at ${time(last.at)}`,
        'does the daemon run at night? its log says more (event nightly)',
      ),
    ]
  const { batches = 0, expiredBatches = 0, sessions = 0, auditRows = 0 } = last.detail
  const removed = `${Number(batches) + Number(expiredBatches)} raw batches, ${sessions} sessions and ${auditRows} rows of the audit log`
  return [ok(check, `removed ${removed} at ${time(last.at)}`)]
}

/** Retired key files that open nothing in the database. */
export async function checkKeyFiles(db: Knex, config: Config): Promise<Finding[]> {
  const idle = await findIdleKeyFiles(db, keysOf(config))
  if (idle.length === 0) return []
  const hint =
    'a backup of the database from before the rotation still needs its key: keep a copy as long as you keep such a backup, and delete the file here'
  return [note('key files', `nothing in the database needs ${idle.join(', ')}`, hint)]
}

const oldBackupMs = 7 * 86_400_000

/** Nothing where no backup was ever made by `letterlock backup`: other tools leave no trace here. */
export async function checkBackup(db: Knex, now: Date): Promise<Finding[]> {
  const last = await findLastAudit(db, 'backup.create')
  if (last === undefined) return []
  const { lost = 0, id } = last.detail
  if (Number(lost) > 0)
    return [
      note('backup', `${id} lacks ${lost} raw batches that were missing or damaged`, 'see what is said of raw mail'),
    ]
  if (now.getTime() - last.at.getTime() > oldBackupMs)
    return [
      note('backup', `the last one was made at ${time(last.at)}`, 'does letterlock-backup.timer run? (docs/backup.md)'),
    ]
  return [ok('backup', `the last one was made at ${time(last.at)}`)]
}
