// People who sign in to the web interface.
import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import { inTransaction } from '../db/database.ts'
import { insertAudit } from './audit.ts'

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

/** A name as it is stored: lower case. Throws OperationError for what is no name. */
export function toUserName(text: string): string {
  const name = text.trim().normalize('NFC').toLowerCase()
  if (/^[\p{L}\p{N}][\p{L}\p{N}\p{M}._@+-]{0,63}$/u.test(name)) return name
  throw new OperationError('user.name_refused', {})
}

/** All of them, by name. */
export async function findUsers(db: Knex): Promise<User[]> {
  const rows: Row[] = await db('users').orderBy('name').select(columns)
  return rows.map(toUser)
}

export async function hasUsers(db: Knex): Promise<boolean> {
  return (await db('users').first('id')) !== undefined
}

/** Throws OperationError where there is none of that name. */
export async function getUser(db: Knex, name: string): Promise<User> {
  const row: Row | undefined = await db('users')
    .where({ name: toUserName(name) })
    .first(columns)
  if (row === undefined) throw new OperationError('user.not_found', { user: toUserName(name) })
  return toUser(row)
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

/** `only: 'first'`: throws where somebody is there already. */
export async function insertUser(db: Knex, user: NewUser, actor: string, only?: 'first'): Promise<number> {
  const name = toUserName(user.name)
  return await inTransaction(db, async trx => {
    // Makes those wait who do the same.
    await trx('schema_version').forUpdate().first('id')
    if (only === 'first' && (await hasUsers(trx))) throw new OperationError('user.exists', {})
    if ((await trx('users').where({ name }).first('id')) !== undefined)
      throw new OperationError('user.exists', { user: name })
    const [id] = await trx('users').insert({ name, role: user.role, password_hash: user.passwordHash })
    await insertAudit(trx, { actor, action: 'user.add', detail: { user: name, role: user.role } })
    return Number(id)
  })
}

/** A new password ends all sessions of the user: the one that goes on begins anew. */
export async function updatePassword(
  db: Knex,
  user: Pick<User, 'id' | 'name'>,
  passwordHash: string,
  actor: string,
): Promise<void> {
  await inTransaction(db, async trx => {
    await trx('users')
      .where({ id: user.id })
      .update({ password_hash: passwordHash, password_set_at: utcNow(trx) })
    await trx('sessions').where({ user_id: user.id }).delete()
    await insertAudit(trx, { actor, action: 'user.passwd', detail: { user: user.name } })
  })
}

/** The same password under other parameters: nothing that anybody did. */
export async function upgradeHash(db: Knex, userId: number, before: string, after: string): Promise<void> {
  await db('users').where({ id: userId, password_hash: before }).update({ password_hash: after })
}

export async function updateRole(db: Knex, user: Pick<User, 'id' | 'name'>, role: Role, actor: string): Promise<void> {
  await inTransaction(db, async trx => {
    if (role === 'agent') await refuseLastAdmin(trx, user.id)
    await trx('users').where({ id: user.id }).update({ role })
    await insertAudit(trx, { actor, action: 'user.role', detail: { user: user.name, role } })
  })
}

/** With the sessions. Throws OperationError for the last admin: nobody could make another from the pages. */
export async function deleteUser(db: Knex, user: Pick<User, 'id' | 'name'>, actor: string): Promise<void> {
  await inTransaction(db, async trx => {
    await refuseLastAdmin(trx, user.id)
    await trx('users').where({ id: user.id }).delete()
    await insertAudit(trx, { actor, action: 'user.remove', detail: { user: user.name } })
  })
}

async function refuseLastAdmin(trx: Knex.Transaction, id: number): Promise<void> {
  const admins: number[] = await trx('users').where({ role: 'admin', enabled: 1 }).forUpdate().pluck('id')
  if (admins.length > 1 || !admins.includes(id)) return
  throw new OperationError('user.last_admin', {})
}

export async function noteSignIn(db: Knex, userId: number): Promise<void> {
  await db('users')
    .where({ id: userId })
    .update({ signed_in_at: utcNow(db) })
}

function utcNow(db: Knex): Knex.Raw {
  return db.raw('UTC_TIMESTAMP(3)')
}
