// Who is signed in where. The browser alone knows the token; here is its hash. A session ends after a time without a request, and in any
// case some days after it began; both by the clock of the database.
import { createHash, randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { readFlashes } from '../db/json-columns.ts'
import type { Role } from './user-rows.ts'

export interface SessionLimits {
  idleHours: number
  days: number
}

/** What the next page says first. */
export interface Flash {
  tone: 'good' | 'bad'
  text: string
}

export interface Session {
  id: number
  user: { id: number; name: string; role: Role }
  flash: Flash[]
}

export interface SessionView {
  id: number
  userName: string
  createdAt: Date
  lastSeenAt: Date
  expiresAt: Date
  address: string
  agent: string
}

const tokenBytes = 32
const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** Returns the token, which is kept nowhere here. */
export async function insertSession(
  db: Knex,
  session: { userId: number; address: string; agent: string },
  { days }: SessionLimits,
): Promise<string> {
  const token = randomBytes(tokenBytes).toString('base64url')
  await db('sessions').insert({
    token_sha256: hashOf(token),
    user_id: session.userId,
    expires_at: db.raw('UTC_TIMESTAMP(3) + INTERVAL ? DAY', [days]),
    address: session.address.slice(0, 64),
    agent: session.agent.slice(0, 255),
  })
  return token
}

interface Row {
  id: number
  user_id: number
  name: string
  role: Role
  flash_json: string | null
  stale: number
}

/** A minute more or less does not matter for hours without a request. */
const seenEverySeconds = 60

/** The session of the token while it lasts. */
export async function findSession(db: Knex, token: string, limits: SessionLimits): Promise<Session | undefined> {
  const row: Row | undefined = await lasting(db, limits)
    .where({ token_sha256: hashOf(token) })
    .first(
      'sessions.id',
      'user_id',
      'users.name',
      'role',
      'flash_json',
      db.raw('last_seen_at < UTC_TIMESTAMP(3) - INTERVAL ? SECOND AS stale', [seenEverySeconds]),
    )
  if (row === undefined) return undefined
  if (row.stale === 1)
    await db('sessions')
      .where({ id: row.id })
      .update({ last_seen_at: db.raw('UTC_TIMESTAMP(3)') })
  return {
    id: row.id,
    user: { id: row.user_id, name: row.name, role: row.role },
    flash: readFlashes(row.flash_json),
  }
}

function lasting(db: Knex, { idleHours }: SessionLimits): Knex.QueryBuilder {
  return db('sessions')
    .join('users', 'users.id', 'user_id')
    .where('expires_at', '>', db.raw('UTC_TIMESTAMP(3)'))
    .where('last_seen_at', '>', db.raw('UTC_TIMESTAMP(3) - INTERVAL ? HOUR', [idleHours]))
    .where('users.enabled', 1)
}

/** True while it lasts and the user has the role: for what stays open. */
export async function isSessionAlive(db: Knex, session: Session, limits: SessionLimits): Promise<boolean> {
  const { id, user } = session
  return (await lasting(db, limits).where({ 'sessions.id': id, role: user.role }).first('sessions.id')) !== undefined
}

/** The public key that checks the addresses of pictures of this session. Undefined once the session has ended, or before any was made. */
export async function findPictureKey(db: Knex, id: number, limits: SessionLimits): Promise<Buffer | undefined> {
  return (await lasting(db, limits).where({ 'sessions.id': id }).first('picture_key'))?.picture_key ?? undefined
}

export async function writePictureKey(db: Knex, id: number, publicKey: Buffer): Promise<void> {
  await db('sessions').where({ id }).whereRaw('NOT (picture_key <=> ?)', [publicKey]).update({ picture_key: publicKey })
}

const maxFlashBytes = 2_000

export async function writeFlash(db: Knex, id: number, flash: readonly Flash[]): Promise<void> {
  const shown = flash.map(({ tone, text }) => ({ tone, text: text.slice(0, 600) })).slice(-3)
  const json = shown.length === 0 ? null : JSON.stringify(shown)
  await db('sessions')
    .where({ id })
    .update({ flash_json: json !== null && json.length > maxFlashBytes ? JSON.stringify(shown.slice(-1)) : json })
}

/** Those that last, the latest first; of one user, or of all. */
export async function findSessions(db: Knex, limits: SessionLimits, userId?: number): Promise<SessionView[]> {
  const rows: {
    id: number
    name: string
    created_at: Date
    last_seen_at: Date
    expires_at: Date
    address: string
    agent: string
  }[] = await lasting(db, limits)
    .where(userId === undefined ? {} : { user_id: userId })
    .orderBy('last_seen_at', 'desc')
    .limit(maxListed)
    .select('sessions.id', 'users.name', 'sessions.created_at', 'last_seen_at', 'expires_at', 'address', 'agent')
  return rows.map(row => ({
    id: row.id,
    userName: row.name,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.expires_at,
    address: row.address,
    agent: row.agent,
  }))
}

const maxListed = 200

/** `userId`: only if it is this user's. Resolves to whose it was, or undefined where there is none. */
export async function deleteSession(db: Knex, id: number, userId?: number): Promise<string | undefined> {
  const whose = userId === undefined ? {} : { user_id: userId }
  const row = await db('sessions')
    .join('users', 'users.id', 'user_id')
    .where({ 'sessions.id': id, ...whose })
    .first('users.name')
  if (row === undefined) return undefined
  await db('sessions').where({ id }).delete()
  return row.name
}

/** What has ended is of no use. Returns how many there were. */
export async function deleteEndedSessions(db: Knex, { idleHours }: Pick<SessionLimits, 'idleHours'>): Promise<number> {
  return await db('sessions')
    .where('expires_at', '<=', db.raw('UTC_TIMESTAMP(3)'))
    .orWhere('last_seen_at', '<=', db.raw('UTC_TIMESTAMP(3) - INTERVAL ? HOUR', [idleHours]))
    .delete()
}
