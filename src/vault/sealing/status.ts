// How encryption stands, as `encryption status` and the web page show it.

import type { Knex } from 'knex'
import { toFailure } from '../../errors/catalogue.ts'
import type { EncryptionState, Problem } from '../../model/encryption.ts'
import { findLiveWorkers } from '../../store/accounts/leases.ts'
import { countPlaintext, countSealed, findCredentials } from '../../store/secrets/credential-rows.ts'
import { readPlaintextSeen } from '../../store/secrets/encryption-keys.ts'
import { filesOf, type KeyPaths, proofFileOf, readKeyring } from '../keys/keyring.ts'
import { forgeryProblems, problemsOf, proofProblems } from './encryption-problems.ts'
import { encryptionState, type Facts } from './encryption-state.ts'
import { inspectRows } from './inspect-rows.ts'
import { readFactsOfCommand } from './read-facts.ts'
import type { RowFault } from './seal-batch.ts'

/** As `encryption status --json` prints it; key ids in hex. */
export interface EncryptionStatus {
  state: EncryptionState
  /** Its path. */
  keyFile: string
  keyId: string | null
  nextKeyId: string | null
  /** Rows with an envelope, and with a plaintext. */
  sealed: number
  plaintext: number
  /** Envelopes that no key here opens. */
  unreadable: number
  lastPlaintextSeenAt: Date | null
  backup: { provenAt: Date } | null
  workers: { host: string; keyIds: string[]; lastSeenAt: Date }[]
  progress: { done: number; total: number } | null
  problems: Problem[]
}

/** Above so many rows, only those are counted as unreadable whose key is not here: opening all is `encryption verify`. */
const maxOpened = 20_000
const recentMs = 86_400_000

/** `counts` opens no row: for those who ask again and again. */
export async function readStatus(
  db: Knex,
  keyPaths: KeyPaths,
  now: Date,
  depth: 'counts' | 'rows' = 'rows',
): Promise<EncryptionStatus> {
  const ring = readKeyring(keyPaths)
  const facts = await readFactsOfCommand(db, ring)
  const { active, next } = facts.states
  const sealedBy = await countSealed(db)
  const sealed = [...sealedBy.values()].reduce((sum, count) => sum + count, 0)
  const plaintext = await countPlaintext(db)
  const isOpening = depth === 'rows' && !facts.isNotVisible
  const { faults, whole } = await inspectRows(db, ring, { limit: isOpening ? maxOpened : 0 })
  const isHere = (keyHex: string): boolean => facts.isNotVisible || ring.find(keyHex) !== undefined
  const withoutKey = [...sealedBy].reduce((sum, [keyHex, count]) => (isHere(keyHex) ? sum : sum + count), 0)
  const seen = await readPlaintextSeen(db)
  const state = encryptionState(facts)
  const unreadable = faults.filter(fault => fault.code !== 'vault.destination_changed').length
  const problems = [
    ...forgeryProblems(facts),
    ...problemsOf(facts, filesOf(keyPaths)),
    ...proofProblems(facts, proofFileOf(keyPaths)),
    ...(state === 'locked' ? [] : rowProblems(faults)),
    ...waitProblems(facts, state, plaintext),
    ...(await plaintextProblems(db, state, plaintext)),
    ...(active === undefined || active.backupProvenAt !== null
      ? []
      : [toFailure('backup.unproven', { keyId: active.keyHex })]),
    ...(state === 'on' && active?.completedAt && seen && seen.at > active.completedAt && isRecent(seen.at, now)
      ? [toFailure('plaintext.written', { account: seen.accountId, at: seen.at.toISOString() })]
      : []),
  ]
  return {
    state,
    keyFile: keyPaths.file,
    keyId: active?.keyHex ?? null,
    nextKeyId: next?.keyHex ?? newKeyId(facts) ?? null,
    sealed,
    plaintext,
    unreadable: whole ? unreadable : Math.max(unreadable, withoutKey),
    lastPlaintextSeenAt: seen?.at ?? null,
    backup: active?.backupProvenAt ? { provenAt: active.backupProvenAt } : null,
    workers: (await findLiveWorkers(db)).map(({ host, keyIds, lastSeenAt }) => ({ host, keyIds, lastSeenAt })),
    progress: progressOf(state, {
      sealed,
      plaintext,
      underNext: sealedBy.get(next?.keyHex ?? active?.keyHex ?? '') ?? 0,
    }),
    problems,
  }
}

function isRecent(date: Date, now: Date): boolean {
  return now.getTime() - date.getTime() < recentMs
}

/** A next key that waits for its hosts. */
function newKeyId(facts: Facts): string | undefined {
  const { next } = facts
  return next.kind === 'valid' && facts.rows.every(row => row.keyHex !== next.key.hex) ? next.key.hex : undefined
}

function waitProblems(facts: Facts, state: EncryptionState, plaintext: number): Problem[] {
  const pending =
    state === 'sealing' ||
    state === 'rotating' ||
    state === 'unsealing' ||
    (state === 'off' && facts.current.kind === 'valid')
  if (facts.workers.length > 0 || !(pending || (state === 'on' && plaintext > 0))) return []
  return [toFailure('daemon.not_running', {})]
}

/** The last few are named: what stays is a row that cannot be sealed. */
async function plaintextProblems(db: Knex, state: EncryptionState, plaintext: number): Promise<Problem[]> {
  if ((state !== 'sealing' && state !== 'on') || plaintext === 0 || plaintext > maxNamed) return []
  const rows = await findCredentials(db, { with: 'plaintext' }, 0, maxNamed * 2)
  const filled = rows.filter(row => (row.plaintext?.length ?? 0) > 0)
  for (const row of rows) row.plaintext?.fill(0)
  const named = [...new Set(filled.map(row => row.accountId))]
  return [toFailure('plaintext.left', { accounts: named })]
}

const maxNamed = 20

/** One problem for each way in which rows fail, with the accounts. */
export function rowProblems(faults: readonly RowFault[]): Problem[] {
  const byCode = Map.groupBy(faults, fault => fault.code)
  return [...byCode].map(([code, rows]) => {
    const accounts = rows.slice(0, maxNamed).map(row => row.accountId)
    const more = rows.length - accounts.length
    return { code, params: { accounts, ...(more > 0 ? { more } : {}) } }
  })
}

function progressOf(
  state: EncryptionState,
  { sealed, plaintext, underNext }: { sealed: number; plaintext: number; underNext: number },
): EncryptionStatus['progress'] {
  if (state === 'sealing') return { done: sealed, total: sealed + plaintext }
  if (state === 'rotating') return { done: underNext, total: sealed }
  if (state === 'unsealing') return { done: plaintext, total: sealed + plaintext }
  return null
}
