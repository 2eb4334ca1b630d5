// People who sign in to the web interface.
import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'

export type Role = 'admin' | 'agent'

export interface User {
  id: number
  /** What they sign in with. */
  name: string
  role: Role
  createdAt: Date
  signedInAt: Date | null
}

interface Row {
  id: number
  name: string
  role: Role
  created_at: Date
  signed_in_at: Date | null
}

const columns = ['id', 'name', 'role', 'created_at', 'signed_in_at'] as const

const toUser = (row: Row): User => ({
  id: row.id,
  name: row.name,
  role: row.role,
  createdAt: row.created_at,
  signedInAt: row.signed_in_at,
})

/** A name as it is stored: lower case. Undefined for what is no name. */
export function toUserName(text: string): string | undefined {
  const name = text.trim().normalize('NFC').toLowerCase()
  return /^[\p{L}\p{N}][\p{L}\p{N}\p{M}._@+-]{0,63}$/u.test(name) ? name : undefined
}

/** All of them, by name. */
export async function findUsers(db: Knex): Promise<User[]> {
  const rows: Row[] = await db('users').orderBy('name').select(columns)
  return rows.map(toUser)
}

export async function hasUsers(db: Knex): Promise<boolean> {
  return (await db('users').first('id')) !== undefined
}

/** By id or name. Throws OperationError where there is none. */
export async function getUser(db: Knex, which: number | string): Promise<User> {
  const row: Row | undefined = await db('users')
    .where(typeof which === 'number' ? { id: which } : { name: toUserName(which) ?? '' })
    .first(columns)
  if (row === undefined) throw new OperationError('user.not_found', { user: String(which) })
  return toUser(row)
}

export async function findPasswordHash(db: Knex, userId: number): Promise<string | undefined> {
  return (await db('users').where({ id: userId, enabled: 1 }).first('password_hash'))?.password_hash
}

/** What a sign-in needs; undefined for nobody. */
export async function findSignIn(db: Knex, name: string): Promise<(User & { passwordHash: string }) | undefined> {
  const row: (Row & { password_hash: string }) | undefined = await db('users')
    .where({ name, enabled: 1 })
    .first([...columns, 'password_hash'])
  return row === undefined ? undefined : { ...toUser(row), passwordHash: row.password_hash }
}

export interface NewUser {
  name: string
  role: Role
  passwordHash: string
}

/** Throws OperationError where there is one of that name. */
export async function insertUser(db: Knex, { name, role, passwordHash }: NewUser): Promise<number> {
  if ((await db('users').where({ name }).first('id')) !== undefined)
    throw new OperationError('user.exists', { user: name })
  const [id] = await db('users').insert({ name, role, password_hash: passwordHash })
  return Number(id)
}

/** A new password ends all sessions of the user: the one that goes on begins anew. */
export async function updatePassword(trx: Knex.Transaction, userId: number, passwordHash: string): Promise<void> {
  await trx('users')
    .where({ id: userId })
    .update({ password_hash: passwordHash, password_set_at: utcNow(trx) })
  await trx('sessions').where({ user_id: userId }).delete()
}

/** The same password under other parameters: nothing that anybody did. */
export async function upgradeHash(db: Knex, userId: number, before: string, after: string): Promise<void> {
  await db('users').where({ id: userId, password_hash: before }).update({ password_hash: after })
}

export async function updateRole(trx: Knex.Transaction, userId: number, role: Role): Promise<void> {
  await trx('users').where({ id: userId }).update({ role })
}

/** With the sessions. */
export async function deleteUser(trx: Knex.Transaction, userId: number): Promise<void> {
  await trx('users').where({ id: userId }).delete()
}

/** Throws OperationError for the last admin: nobody could make another from the pages. */
export async function refuseLastAdmin(trx: Knex.Transaction, userId: number): Promise<void> {
  const admins: number[] = await trx('users').where({ role: 'admin', enabled: 1 }).forUpdate().pluck('id')
  if (admins.length === 1 && admins.includes(userId)) throw new OperationError('user.last_admin', {})
}

export async function noteSignIn(db: Knex, userId: number): Promise<void> {
  await db('users')
    .where({ id: userId })
    .update({ signed_in_at: utcNow(db) })
}

function utcNow(db: Knex): Knex.Raw {
  return db.raw('UTC_TIMESTAMP(3)')
}
