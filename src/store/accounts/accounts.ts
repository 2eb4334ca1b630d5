// Accounts as operators see them. How they are changed is in account-changes.ts, what a poll needs of one in polled-account.ts.

import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import type { Destination, OAuthClient } from '../../model/destination.ts'
import { proposeServers, type SeenServer } from '../../model/proposed-servers.ts'
import { readAuthservIds } from '../db/json-columns.ts'
import { isCanaryLate } from './canaries.ts'
import { type OAuthRow, oauthColumns, toOAuthClient } from './destinations.ts'
import { findSeenServers } from './seen-servers.ts'

export type AccountState = 'active' | 'failing' | 'waiting' | 'paused'

/** As `account list --json` prints it. */
export interface AccountView {
  id: number
  address: string
  host: string
  port: number
  security: Destination['security']
  username: string
  enabled: boolean
  state: AccountState
  code: string | null
  hint: string | null
  lastSuccessAt: Date | null
  lastAttemptAt: Date | null
  /** The next slot while it works, or when a failing one is tried again; null: at once, or never (paused). */
  nextAttemptAt: Date | null
  failures: number
  /** Seconds since the last poll that worked (or since it was added) beyond its interval; 0 if it is in time. */
  behindSeconds: number
  /** Only where canaries are sent. */
  canary?: CanaryView
}

/** What canaries prove of an account. */
export interface CanaryView {
  everySeconds: number
  /** When the last one was received; null: none yet. */
  provenAt: Date | null
  /** How long it took. */
  seconds: number | null
  /** None was received in time: mail may not come in. */
  isLate: boolean
}

/** What `account show` adds. */
export interface AccountDetail extends AccountView {
  everySeconds: number
  push: boolean
  afterIngest: string
  startFrom: string
  mailboxes: { name: string; enabled: boolean; uidValidity: number | null; lastUid: number }[]
  hasPassword: boolean
  /** How it signs in instead of with a password, or null. */
  oauth: (OAuthClient & { hasRefreshToken: boolean; hasClientSecret: boolean }) | null
  ownCa: boolean
  /** Mail servers whose word on senders is believed; null: nobody said. */
  authservIds: string[] | null
  /** Those that were seen to write of senders where no sender can, and those that may be confirmed; none of them decides anything. */
  seenServers: SeenServer[]
  proposedServers: string[]
  createdAt: Date
}

interface Row extends OAuthRow {
  id: number
  address: string
  host: string
  port: number
  security: Destination['security']
  username: string
  enabled: number
  state: 'active' | 'failing' | 'waiting'
  code: string | null
  hint: string | null
  last_success_at: Date | null
  last_attempt_at: Date | null
  next_at: Date | null
  failures: number
  behind: number
  canary_every_s: number
  canary_seen_at: Date | null
  canary_ms: number | null
  canary_late: number
  poll_every_s: number
  push: number
  after_ingest: string
  start_from: string
  ca_pem: string | null
  authserv_ids: string | null
  created_at: Date
}

function selectAccounts(db: Knex): Knex.QueryBuilder {
  return db('accounts')
    .whereNull('removed_at')
    .orderBy('id')
    .select(
      'id',
      'address',
      'host',
      'port',
      'security',
      'username',
      'enabled',
      'state',
      'code',
      'hint',
      'last_success_at',
      'last_attempt_at',
      'failures',
      'poll_every_s',
      'push',
      'after_ingest',
      'start_from',
      'ca_pem',
      'authserv_ids',
      ...oauthColumns,
      'created_at',
      'canary_every_s',
      'canary_seen_at',
      'canary_ms',
      db.raw(`${isCanaryLate} AS canary_late`),
      db.raw('COALESCE(next_attempt_at, last_attempt_at + INTERVAL poll_every_s SECOND) AS next_at'),
      db.raw(
        'GREATEST(0, TIMESTAMPDIFF(SECOND, COALESCE(last_success_at, created_at), UTC_TIMESTAMP(3)) - CAST(poll_every_s AS SIGNED)) AS behind',
      ),
    )
}

function toView(row: Row): AccountView {
  const enabled = row.enabled === 1
  return {
    id: row.id,
    address: row.address,
    host: row.host,
    port: row.port,
    security: row.security,
    username: row.username === '' ? row.address : row.username,
    enabled,
    state: enabled ? row.state : 'paused',
    code: row.code,
    hint: row.hint,
    lastSuccessAt: row.last_success_at,
    lastAttemptAt: row.last_attempt_at,
    nextAttemptAt: enabled ? row.next_at : null,
    failures: row.failures,
    behindSeconds: enabled ? Number(row.behind) : 0,
    ...(row.canary_every_s > 0 ? { canary: toCanaryView(row) } : {}),
  }
}

function toCanaryView({ canary_every_s, canary_seen_at, canary_ms, canary_late }: Row): CanaryView {
  return {
    everySeconds: canary_every_s,
    provenAt: canary_seen_at,
    seconds: canary_ms === null ? null : canary_ms / 1000,
    isLate: canary_late === 1,
  }
}

export async function findAccounts(db: Knex): Promise<AccountView[]> {
  return ((await selectAccounts(db)) as Row[]).map(toView)
}

export interface AccountFilter {
  /** `unwell`: failing or waiting. */
  state?: AccountState | 'unwell'
  /** A part of the address. */
  address?: string
  /** Only those with a larger id. */
  afterId?: number
  limit: number
}

/** A part of the list, in the order of ids. */
export async function findSomeAccounts(db: Knex, filter: AccountFilter): Promise<AccountView[]> {
  const { state, address, afterId, limit } = filter
  const query = selectAccounts(db).limit(limit)
  if (state === 'paused') query.where({ enabled: false })
  else if (state !== undefined)
    query.where({ enabled: true }).whereIn('state', state === 'unwell' ? ['failing', 'waiting'] : [state])
  if (address !== undefined) query.whereRaw("address LIKE ? ESCAPE '!'", [`%${address.replace(/[!%_]/g, '!$&')}%`])
  if (afterId !== undefined) query.where('id', '>', afterId)
  return ((await query) as Row[]).map(toView)
}

/** How many accounts are in which state. */
export async function countAccounts(db: Knex): Promise<Record<AccountState, number>> {
  const rows: { enabled: number; state: Row['state']; n: number }[] = await db('accounts')
    .whereNull('removed_at')
    .groupBy('enabled', 'state')
    .select('enabled', 'state')
    .count({ n: '*' })
  const count = { active: 0, failing: 0, waiting: 0, paused: 0 }
  for (const { enabled, state, n } of rows) count[enabled === 1 ? state : 'paused'] += Number(n)
  return count
}

/** How many failing or waiting accounts have which code, and how many should have been read more than `lateSeconds` ago. */
export async function countTroubles(
  db: Knex,
  lateSeconds: number,
): Promise<{ byCode: Map<string, number>; behind: number }> {
  const rows: { code: string | null; n: number; behind: number | string | null }[] = await db('accounts')
    .whereNull('removed_at')
    .where({ enabled: true })
    .groupByRaw("IF(state = 'active', NULL, code)")
    .select(
      db.raw("IF(state = 'active', NULL, code) AS code"),
      db.raw('COUNT(*) AS n'),
      db.raw(
        'SUM(COALESCE(last_success_at, created_at) + INTERVAL poll_every_s + ? SECOND < UTC_TIMESTAMP(3)) AS behind',
        [lateSeconds],
      ),
    )
  const troubled = rows.flatMap(({ code, n }) => (code === null ? [] : [[code, Number(n)] as const]))
  return { byCode: new Map(troubled), behind: rows.reduce((sum, { behind }) => sum + Number(behind), 0) }
}

/** The host whose worker polls it now, or undefined. */
export async function findPollingHost(db: Knex, id: number): Promise<string | undefined> {
  const row = await db('accounts')
    .join('workers', 'workers.id', 'accounts.lease_owner')
    .where('accounts.id', id)
    .whereRaw('workers.lease_until > UTC_TIMESTAMP(3)')
    .first('workers.host as host')
  return row?.host
}

/** `which` is an id or an address. Throws OperationError where there is none, or an address names several. */
export async function getAccount(db: Knex, which: string): Promise<AccountDetail> {
  const query = selectAccounts(db)
  const rows = (await (/^\d+$/.test(which) ? query.where({ id: which }) : query.where({ address: which }))) as Row[]
  const [row, other] = rows
  if (row === undefined) throw new OperationError('account.not_found', { which })
  if (other !== undefined) throw new OperationError('account.ambiguous', { which, accounts: rows.map(({ id }) => id) })
  return await toDetail(db, row)
}

/** The names of those that are polled. */
export function readMailboxes({ mailboxes }: AccountDetail): string[] {
  const names = mailboxes.filter(box => box.enabled).map(box => box.name)
  return mailboxes.length === 0 ? ['INBOX'] : names
}

async function toDetail(db: Knex, row: Row): Promise<AccountDetail> {
  const mailboxes: { name: string; enabled: number; uid_validity: number | null; last_uid: number }[] = await db(
    'mailboxes',
  )
    .where({ account_id: row.id })
    .orderBy('id')
    .select('name', 'enabled', 'uid_validity', 'last_uid')
  const secrets = new Set<string>(
    await db('credentials')
      .where({ account_id: row.id })
      .whereRaw('(COALESCE(LENGTH(plaintext), 0) > 0 OR sealed IS NOT NULL)')
      .pluck('kind'),
  )
  const oauth = toOAuthClient(row)
  const authservIds = readAuthservIds(row.authserv_ids)
  const seenServers = await findSeenServers(db, row.id)
  return {
    ...toView(row),
    everySeconds: row.poll_every_s,
    push: row.push === 1,
    afterIngest: row.after_ingest,
    startFrom: row.start_from,
    mailboxes: mailboxes.map(box => ({
      name: box.name,
      enabled: box.enabled === 1,
      uidValidity: box.uid_validity,
      lastUid: box.last_uid,
    })),
    hasPassword: secrets.has('password'),
    oauth: oauth && {
      ...oauth,
      hasRefreshToken: secrets.has('oauth-refresh-token'),
      hasClientSecret: secrets.has('oauth-client-secret'),
    },
    ownCa: row.ca_pem !== null,
    authservIds,
    seenServers,
    proposedServers: proposeServers({ host: row.host, authservIds }, seenServers),
    createdAt: row.created_at,
  }
}
