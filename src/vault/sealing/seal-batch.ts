// A batch of secrets in one transaction: it shares a lock on the active key's row, reads the key from disk again and has it open the
// canary, locks its rows (those that somebody else has locked are left for the next pass), writes, reads back what the database made of
// it, opens and compares. So a password that changes meanwhile is neither lost nor overwritten, and a key that vanished or was replaced
// writes nothing.

import type { Knex } from 'knex'
import type { Destination16 } from '../../model/secret.ts'
import { findDestinations } from '../../store/accounts/destinations.ts'
import { inTransaction } from '../../store/db/database.ts'
import { insertAudit } from '../../store/people/audit.ts'
import {
  type CredentialFilter,
  type CredentialRow,
  clearBlank,
  clearSealed,
  lockCredentials,
  readBack,
  updateSealed,
  updateUnsealed,
} from '../../store/secrets/credential-rows.ts'
import { type KeyPaths, type Keyring, readKeyring } from '../keys/keyring.ts'
import { destinationOf, type Envelope, open, seal } from '../secrets/envelope.ts'
import { lockWriteKey } from '../secrets/write-key.ts'

export type Pass = 'seal' | 'reseal' | 'unseal'

export interface SealDeps {
  /** Where the minimal binary log image is asked for, if the rights allow it. */
  db: Knex
  keyPaths: KeyPaths
  /** A worker's id, for the audit log. */
  actor: string
}

export type RowFaultCode =
  | 'vault.key_missing'
  | 'vault.tampered'
  | 'vault.unsupported_version'
  | 'vault.destination_changed'
  | 'vault.refused'

/** A row that was left as it is. */
export interface RowFault {
  credentialId: number
  accountId: number
  code: RowFaultCode
}

export interface PassReport {
  changed: number
  faults: RowFault[]
  /** An account whose plaintext was sealed or taken away, if there was one. */
  plaintextOf: number | undefined
}

/** What makes a pass stop: the key is not what it should be, or encryption is being turned off or on meanwhile. */
export class PassStopped extends Error {
  override readonly name = 'PassStopped'
}

/** What the database holds is not what was written: a trigger or a narrower column changed it. */
export class NotAsWritten extends Error {
  override readonly name = 'NotAsWritten'
}

export interface Range {
  afterId: number
  limit: number
}

/** One batch after `afterId`. `onSelected` hears of its last row as soon as it is locked, undefined where there is none. */
export async function runBatch(
  deps: SealDeps,
  pass: Pass,
  range: Range,
  onSelected: (lastId: number | undefined, accountId?: number) => void,
): Promise<PassReport> {
  return await inTransaction(deps.db, async trx => {
    const batch = await begin(trx, deps, pass)
    const rows = await lockCredentials(trx, batch.filter, range.afterId, range.limit)
    try {
      const last = rows.at(-1)
      onSelected(last?.id, last?.accountId)
      if (rows.length === 0) return { changed: 0, faults: [], plaintextOf: undefined }
      return await works[pass](batch, rows)
    } finally {
      for (const row of rows) row.plaintext?.fill(0)
    }
  })
}

interface Batch {
  trx: Knex.Transaction
  ring: Keyring
  actor: string
  /** The new envelope of a secret. */
  seal(row: CredentialRow, destination: Destination16, secret: Buffer): { id: number; sealed: Envelope }
}

/** Locks the key's row and reads the key from disk, now. */
async function begin(trx: Knex.Transaction, deps: SealDeps, pass: Pass): Promise<Batch & { filter: CredentialFilter }> {
  const ring = readKeyring(deps.keyPaths)
  const write = await lockWriteKey(trx, ring)
  if (write.form === 'lacking') throw new PassStopped('the key is gone, or is another one')
  if (write.unsealing !== (pass === 'unseal')) throw new PassStopped('encryption is being turned off, or on again')
  if (write.form === 'plaintext') {
    if (pass !== 'unseal') throw new PassStopped('no key is active')
    return { trx, ring, actor: deps.actor, filter: { with: 'sealed' }, seal: refuseToSeal }
  }
  const { key } = write
  return {
    trx,
    ring,
    actor: deps.actor,
    filter: pass === 'seal' ? { with: 'plaintext' } : { with: 'sealed', notUnder: key.hex },
    seal: (row, destination, secret) => ({ id: row.id, sealed: seal(key, placeOf(row), destination, secret) }),
  }
}

function refuseToSeal(): never {
  throw new PassStopped('encryption is being turned off')
}

type Work = (batch: Batch, rows: readonly CredentialRow[]) => Promise<PassReport>

const works: Record<Pass, Work> = { seal: sealRows, reseal: resealRows, unseal: unsealRows }

async function sealRows({ trx, ring, actor, seal }: Batch, rows: readonly CredentialRow[]): Promise<PassReport> {
  const filled = rows.filter(hasPlaintext)
  const destinations = await destinationsOf(trx, filled)
  await updateSealed(
    trx,
    filled.map(row => seal(row, destinations(row), row.plaintext)),
    'clear',
  )
  const blank = rows.filter(row => row.plaintext?.length === 0 && row.sealed !== null)
  await clearBlank(trx, idsOf(blank))
  for (const { accountId } of blank) await insertAudit(trx, { actor, action: 'encryption.blank', accountId })
  const wanted = new Map(filled.map(row => [row.id, row.plaintext]))
  await compare(trx, wanted, row => (row.plaintext === null ? opened(ring, row) : undefined))
  return { changed: filled.length + blank.length, faults: [], plaintextOf: filled.at(-1)?.accountId }
}

async function resealRows({ trx, ring, seal }: Batch, rows: readonly CredentialRow[]): Promise<PassReport> {
  const faults: RowFault[] = []
  const secrets = new Map<number, Buffer>()
  const sealed = rows.flatMap(row => {
    const found = open(ring.find, placeOf(row), row.sealed ?? Buffer.alloc(0))
    if (found.end !== 'ok') {
      faults.push(toFault(row, found.end))
      return []
    }
    secrets.set(row.id, found.secret)
    // The destination that was sealed, whatever the account's row says by now: resealing must not bind a secret anew.
    return [seal(row, found.destination, found.secret)]
  })
  try {
    await updateSealed(trx, sealed, 'leave')
    await compare(trx, secrets, row => opened(ring, row))
  } finally {
    for (const secret of secrets.values()) secret.fill(0)
  }
  return { changed: sealed.length, faults, plaintextOf: undefined }
}

async function unsealRows({ trx, ring }: Batch, rows: readonly CredentialRow[]): Promise<PassReport> {
  const newer = rows.filter(hasPlaintext)
  await clearSealed(trx, idsOf(newer))
  const sealedOnly = rows.filter(row => !hasPlaintext(row))
  const destinations = await destinationsOf(trx, sealedOnly)
  const faults: RowFault[] = []
  const plaintexts = new Map<number, Buffer>()
  for (const row of sealedOnly) {
    const found = open(ring.find, placeOf(row), row.sealed ?? Buffer.alloc(0))
    if (found.end !== 'ok') faults.push(toFault(row, found.end))
    else if (!found.destination.equals(destinations(row))) faults.push(toFault(row, 'destination-changed'))
    else plaintexts.set(row.id, found.secret)
  }
  try {
    await updateUnsealed(
      trx,
      [...plaintexts].map(([id, plaintext]) => ({ id, plaintext })),
    )
    await compare(trx, plaintexts, row => (row.sealed === null ? (row.plaintext ?? undefined) : undefined))
  } finally {
    for (const plaintext of plaintexts.values()) plaintext.fill(0)
  }
  return { changed: newer.length + plaintexts.size, faults, plaintextOf: undefined }
}

function hasPlaintext(row: CredentialRow): row is CredentialRow & { plaintext: Buffer } {
  return row.plaintext !== null && row.plaintext.length > 0
}

function idsOf(rows: readonly CredentialRow[]): number[] {
  return rows.map(row => row.id)
}

function placeOf({ kind, accountId }: CredentialRow) {
  return { table: 'credentials', kind, accountId } as const
}

function opened(ring: Keyring, row: CredentialRow): Buffer | undefined {
  const found = open(ring.find, placeOf(row), row.sealed ?? Buffer.alloc(0))
  return found.end === 'ok' ? found.secret : undefined
}

/** Throws NotAsWritten unless every row, read again, gives the secret that it should. */
async function compare(
  trx: Knex.Transaction,
  wanted: ReadonlyMap<number, Buffer>,
  secretOf: (row: CredentialRow) => Buffer | undefined,
): Promise<void> {
  if (wanted.size === 0) return
  let equal = 0
  for (const row of await readBack(trx, [...wanted.keys()])) {
    const secret = secretOf(row)
    if (secret !== undefined && wanted.get(row.id)?.equals(secret)) equal += 1
    secret?.fill(0)
  }
  if (equal !== wanted.size) throw new NotAsWritten('a secret came back from the database changed')
}

async function destinationsOf(
  trx: Knex.Transaction,
  rows: readonly CredentialRow[],
): Promise<(row: CredentialRow) => Destination16> {
  const found = await findDestinations(trx, [...new Set(rows.map(row => row.accountId))])
  return row => {
    const destination = found.get(row.accountId)
    if (destination === undefined) throw new NotAsWritten('an account went away')
    return destinationOf(row.kind, destination, destination.oauth)
  }
}

export const faultCodes = {
  'key-missing': 'vault.key_missing',
  tampered: 'vault.tampered',
  'unsupported-version': 'vault.unsupported_version',
  'destination-changed': 'vault.destination_changed',
} as const

function toFault(row: CredentialRow, end: keyof typeof faultCodes): RowFault {
  return { credentialId: row.id, accountId: row.accountId, code: faultCodes[end] }
}
