// Users and their sessions: who may sign in to the web interface, as what, and where they are signed in.
import { z } from 'zod'
import { OperationError } from '../errors/errors.ts'
import { inTransaction } from '../store/db/database.ts'
import { deleteSession } from '../store/people/sessions.ts'
import {
  deleteUser,
  findPasswordHash,
  findUsers,
  getUser,
  hasUsers,
  insertUser,
  refuseLastAdmin,
  toUserName,
  type User,
  updatePassword,
  updateRole,
} from '../store/people/user-rows.ts'
import { longestPassword, shortestPassword } from '../vault/secrets/password-hash.ts'
import type { Deps } from './deps.ts'
import { defineOperation, type Fault, InputError, id, mayRun, NotAllowed } from './operation.ts'

const userName = z
  .string()
  .transform((text, context) => {
    const name = toUserName(text)
    if (name !== undefined) return name
    context.addIssue(
      'must have up to 64 letters, digits, dots, dashes, underscores, + or @, and begin with a letter or a digit',
    )
    return z.NEVER
  })
  .describe('the name to sign in with')

/** Length is what makes guessing hard; nothing else is asked for. */
const newPassword = z
  .string()
  .refine(text => [...text].length >= shortestPassword, {
    error: `must have at least ${shortestPassword} characters; a few words that nobody would guess are good`,
  })
  .max(longestPassword, { error: `must have at most ${longestPassword} characters` })

const role = z.enum(['admin', 'agent'], { error: 'must be admin or agent' })
const whichUser = z.union([id, z.string().min(1).max(200)]).describe('id or name')

export const listUsers = defineOperation({
  name: 'user.list',
  who: 'admin',
  summary: 'list who may sign in, and when they last did',
  input: z.strictObject({}),
  async work({ db }: Pick<Deps, 'db'>): Promise<User[]> {
    return await findUsers(db)
  },
})

export const addUser = defineOperation({
  name: 'user.add',
  who: 'admin',
  summary: 'add a person who may sign in to the web interface',
  input: z.strictObject({
    name: userName,
    role: role.default('agent').describe('an agent reads tickets; an admin also runs accounts, encryption and users'),
    password: newPassword.describe('of the person; it is hashed'),
    first: z.boolean().default(false).describe('refused where there is a user already'),
  }),
  async work(
    { db, passwords }: Pick<Deps, 'db' | 'passwords'>,
    { input, audit },
  ): Promise<{ id: number; name: string; role: User['role'] }> {
    const { name, role, first } = input
    const passwordHash = await passwords.hash(input.password)
    return await inTransaction(db, async trx => {
      // Makes those wait who do the same.
      await trx('schema_version').forUpdate().first('id')
      if (first && (await hasUsers(trx))) throw new OperationError('user.exists', {})
      const user = await insertUser(trx, { name, role, passwordHash })
      await audit(trx, { detail: { user: name, role } })
      return { id: user, name, role }
    })
  },
})

export const setPassword = defineOperation({
  name: 'user.passwd',
  // Everybody sets their own password; that of somebody else only admins do.
  who: 'agent',
  summary: 'set a new password, and end all sessions of the user',
  input: z.strictObject({
    user: whichUser,
    password: newPassword.describe('the new one; it is hashed'),
    current: z.string().optional().describe('the current password; needed to change your own on a page'),
  }),
  async work({ db, passwords }: Pick<Deps, 'db' | 'passwords'>, { input, actor, audit }): Promise<User> {
    const { password, current } = input
    const user = await getUser(db, input.user)
    const isSelf = actor.kind === 'user' && actor.id === user.id
    if (!isSelf && !mayRun(actor, 'admin')) throw new NotAllowed('only admins may set the password of somebody else')
    // A browser that was left unlocked must not be enough to take the account over.
    if (isSelf && !(await passwords.check(current ?? '', await findPasswordHash(db, user.id))).right)
      throw new InputError([notCurrent])
    const passwordHash = await passwords.hash(password)
    return await inTransaction(db, async trx => {
      await updatePassword(trx, user.id, passwordHash)
      await audit(trx, { detail: { user: user.name } })
      return user
    })
  },
})

const notCurrent: Fault = { path: ['current'], text: 'is not your current password' }

export const setRole = defineOperation({
  name: 'user.role',
  who: 'admin',
  summary: 'make a user an admin or an agent',
  input: z.strictObject({ user: whichUser, role: role.describe('admin or agent') }),
  async work({ db }: Pick<Deps, 'db'>, { input, audit }): Promise<User> {
    return await inTransaction(db, async trx => {
      const user = await getUser(trx, input.user)
      if (input.role === 'agent') await refuseLastAdmin(trx, user.id)
      await updateRole(trx, user.id, input.role)
      await audit(trx, { detail: { user: user.name, role: input.role } })
      return { ...user, role: input.role }
    })
  },
})

export const removeUser = defineOperation({
  name: 'user.remove',
  who: 'admin',
  summary: 'remove a user; their sessions end at once',
  input: z.strictObject({ user: whichUser }),
  async work({ db }: Pick<Deps, 'db'>, { input, actor, audit }): Promise<User> {
    return await inTransaction(db, async trx => {
      const user = await getUser(trx, input.user)
      if (actor.kind === 'user' && actor.id === user.id) throw new OperationError('user.self', {})
      await refuseLastAdmin(trx, user.id)
      await deleteUser(trx, user.id)
      await audit(trx, { detail: { user: user.name } })
      return user
    })
  },
})

export const endSession = defineOperation({
  name: 'session.end',
  // Everybody ends their own sessions; those of others only admins do.
  who: 'agent',
  summary: 'sign a browser out',
  input: z.strictObject({ session: id.describe('as the list of sessions has it') }),
  /** Undefined where there is no such session, or not for this actor. */
  async work({ db }: Pick<Deps, 'db'>, { input, actor, audit }): Promise<{ user: string } | undefined> {
    return await inTransaction(db, async trx => {
      const only = actor.kind === 'user' && !mayRun(actor, 'admin') ? actor.id : undefined
      const user = await deleteSession(trx, input.session, only)
      if (user === undefined) return undefined
      await audit(trx, { detail: { user } })
      return { user }
    })
  },
})
