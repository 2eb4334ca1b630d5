// How encryption stands, as `encryption status` and the web page show it.

import type { Knex } from 'knex'
import type { EncryptionState, Problem } from '../../model/encryption.ts'
import { findLiveWorkers } from '../../store/accounts/leases.ts'
import { countPlaintext, countSealed, findCredentials } from '../../store/secrets/credential-rows.ts'
import { readPlaintextSeen } from '../../store/secrets/encryption-keys.ts'
import { filesOf, type KeyPaths, proofFileOf, readKeyring } from '../keys/keyring.ts'
import { forgeryProblems, problemsOf, proofProblems } from './encryption-problems.ts'
import { encryptionState, type Facts } from './encryption-state.ts'
import { inspectRows } from './inspect-rows.ts'
import { readFactsOfCommand } from './read-facts.ts'
import type { RowFault, RowFaultCode } from './seal-batch.ts'

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
    ...(active === undefined || active.backupProvenAt !== null ? [] : [unproven(active.keyHex)]),
    ...(state === 'on' && active?.completedAt && seen && seen.at > active.completedAt && isRecent(seen.at, now)
      ? [
          {
            code: 'plaintext.written',
            hint: `somebody wrote the password of account ${seen.accountId} in plaintext (${seen.at.toISOString()}); it was sealed, but dumps and binary logs of that moment hold it`,
          },
        ]
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

function unproven(keyHex: string): Problem {
  return {
    code: 'backup.unproven',
    hint: `no backup of the key ${keyHex} is proven: copy the key file to a place of its own and run \`letterlock encryption backup --verify COPY\``,
  }
}

function waitProblems(facts: Facts, state: EncryptionState, plaintext: number): Problem[] {
  const pending =
    state === 'sealing' ||
    state === 'rotating' ||
    state === 'unsealing' ||
    (state === 'off' && facts.current.kind === 'valid')
  if (facts.workers.length > 0 || !(pending || (state === 'on' && plaintext > 0))) return []
  return [
    {
      code: 'daemon.not_running',
      hint: 'no daemon runs that would go on: `systemctl start letterlock`, or `npm start` in a clone',
    },
  ]
}

/** The last few are named: what stays is a row that cannot be sealed. */
async function plaintextProblems(db: Knex, state: EncryptionState, plaintext: number): Promise<Problem[]> {
  if ((state !== 'sealing' && state !== 'on') || plaintext === 0 || plaintext > maxNamed) return []
  const rows = await findCredentials(db, { with: 'plaintext' }, 0, maxNamed * 2)
  const filled = rows.filter(row => (row.plaintext?.length ?? 0) > 0)
  for (const row of rows) row.plaintext?.fill(0)
  const named = [...new Set(filled.map(row => row.accountId))]
  return [
    {
      code: 'plaintext.left',
      hint: `still in plaintext: the passwords of ${named.length === 1 ? 'account' : 'accounts'} ${named.join(', ')}. If they stay so, a transaction holds their rows, or a trigger on the table credentials changes what is written; the log says more`,
    },
  ]
}

const rowHints: Record<RowFaultCode, string> = {
  'vault.key_missing': 'their key is not here: put its file back, or set the passwords again',
  'vault.tampered':
    'their sealed passwords were changed, or are other accounts’: set them again with `letterlock account set ID --ask-password` (or --oauth PROVIDER)',
  'vault.unsupported_version': 'they are sealed in a way that this version does not know: upgrade letterlock',
  'vault.destination_changed':
    'host, port, security, user name or CA are not those that their passwords were sealed for: look at the accounts, put back what nobody was to change, and run `letterlock encryption accept-destination ID` where the change is right',
  'vault.refused': 'the database changed or refused what was written: look for a trigger on the table credentials',
}

const maxNamed = 20

/** One problem for each way in which rows fail, with the accounts. */
export function rowProblems(faults: readonly RowFault[]): Problem[] {
  const byCode = Map.groupBy(faults, fault => fault.code)
  return [...byCode].map(([code, rows]) => {
    const named = rows.slice(0, maxNamed).map(row => row.accountId)
    const more = rows.length > named.length ? ` and ${rows.length - named.length} more` : ''
    return { code, hint: `${rows.length === 1 ? 'account' : 'accounts'} ${named.join(', ')}${more}: ${rowHints[code]}` }
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
