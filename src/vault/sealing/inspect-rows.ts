// Opens sealed rows to see whether they can be opened, and lends what comes out to nobody.
import type { Knex } from 'knex'
import { findDestinations } from '../../store/accounts/destinations.ts'
import { type CredentialRow, findCredentials } from '../../store/secrets/credential-rows.ts'
import type { Keyring } from '../keys/keyring.ts'
import { destinationOf, open } from '../secrets/envelope.ts'
import { faultCodes, type RowFault } from './seal-batch.ts'

export interface Inspection {
  /** Rows looked at. */
  sealed: number
  /** False where there were more than `limit`. */
  whole: boolean
  faults: RowFault[]
}

const rowsAtOnce = 500

/** Every sealed row, or the first `limit`. One with a newer plaintext is not needed and not looked at. Memory does not grow with the rows. */
export async function inspectRows(
  db: Knex,
  ring: Keyring,
  options: { limit?: number; progress?: (done: number) => void } = {},
): Promise<Inspection> {
  const { limit = Number.POSITIVE_INFINITY, progress } = options
  const inspection: Inspection = { sealed: 0, whole: true, faults: [] }
  for (let afterId = 0; ; ) {
    const rows = await findCredentials(db, { with: 'sealed' }, afterId, rowsAtOnce)
    const last = rows.at(-1)
    if (last === undefined) return inspection
    if (inspection.sealed >= limit) return { ...inspection, whole: false }
    afterId = last.id
    inspection.sealed += rows.length
    inspection.faults.push(...(await faultsOf(db, ring, rows)))
    progress?.(inspection.sealed)
  }
}

async function faultsOf(db: Knex, ring: Keyring, rows: readonly CredentialRow[]): Promise<RowFault[]> {
  const destinations = await findDestinations(db, [...new Set(rows.map(row => row.accountId))])
  return rows.flatMap((row): RowFault[] => {
    const isOld = (row.plaintext?.length ?? 0) > 0
    row.plaintext?.fill(0)
    if (isOld || row.sealed === null) return []
    const { kind, accountId, id: credentialId } = row
    const opened = open(ring.find, { table: 'credentials', kind, accountId }, row.sealed)
    if (opened.end !== 'ok') return [{ credentialId, accountId, code: faultCodes[opened.end] }]
    opened.secret.fill(0)
    const destination = destinations.get(accountId)
    if (destination !== undefined && opened.destination.equals(destinationOf(kind, destination, destination.oauth)))
      return []
    return [{ credentialId, accountId, code: faultCodes['destination-changed'] }]
  })
}
