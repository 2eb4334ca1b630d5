// `letterlock user …`: people who sign in to the web interface.
import { CommandError } from '../../errors/errors.ts'
import { deleteUser, findUsers, getUser, insertUser, toUserName, updatePassword } from '../../store/people/users.ts'
import { faultOfPassword, hashPassword } from '../../vault/secrets/password-hash.ts'
import { actor } from '../actor.ts'
import { type GlobalOptions, withDatabase } from '../connect.ts'
import {
  askSecret,
  confirm,
  isInteractive,
  print,
  printJson,
  printTable,
  readSecretFromStdin,
  time,
} from '../terminal.ts'

export interface PasswordOptions extends GlobalOptions {
  passwordStdin?: boolean
}

export async function addUser(typed: string, options: PasswordOptions & { admin?: boolean }): Promise<void> {
  const name = toUserName(typed)
  const role = options.admin === true ? 'admin' : 'agent'
  await withDatabase(options, async db => {
    if ((await findUsers(db)).some(user => user.name === name))
      throw new CommandError(
        `there is a user ${name} already`,
        `\`letterlock user passwd ${name}\` sets a new password`,
      )
    const passwordHash = await hashPassword(await readPassword(name, options))
    await insertUser(db, { name, role, passwordHash }, actor())
    await print(`${name} can sign in as ${role === 'admin' ? 'an admin' : 'an agent'}`)
  })
}

async function readPassword(name: string, options: PasswordOptions): Promise<string> {
  if (options.passwordStdin !== true && !isInteractive()) {
    throw new CommandError(
      'there is no terminal to ask for the password',
      `give it on standard input: printf %s "$PASSWORD" | letterlock user … ${name} --password-stdin`,
      2,
    )
  }
  const password =
    options.passwordStdin === true
      ? await readSecretFromStdin(`Password of ${name}: `)
      : await askTwice(`Password of ${name}: `)
  const fault = faultOfPassword(password)
  if (fault !== undefined) throw new CommandError(fault, 'a few words that nobody would guess are good', 2)
  return password
}

async function askTwice(question: string): Promise<string> {
  const password = await askSecret(question)
  if ((await askSecret('Once more: ')) === password) return password
  throw new CommandError('the passwords do not match', 'run the command again')
}

export async function listUsers(options: GlobalOptions & { json?: boolean }): Promise<void> {
  await withDatabase(options, async db => {
    const users = await findUsers(db)
    if (options.json) return await printJson(users)
    if (users.length === 0) return await print('nobody can sign in to the web interface')
    await printTable(
      ['NAME', 'ROLE', 'SINCE', 'SIGNED IN'],
      users.map(({ name, role, createdAt, signedInAt }) => [name, role, time(createdAt), time(signedInAt)]),
    )
  })
}

export async function setPassword(typed: string, options: PasswordOptions): Promise<void> {
  await withDatabase(options, async db => {
    const user = await getUser(db, typed)
    await updatePassword(db, user, await hashPassword(await readPassword(user.name, options)), actor())
    await print(`${user.name} has a new password and is signed out everywhere`)
  })
}

export async function removeUser(typed: string, options: GlobalOptions & { yes?: boolean }): Promise<void> {
  await withDatabase(options, async db => {
    const user = await getUser(db, typed)
    await confirm(`Take away the access of ${user.name} (${user.role})?`, options)
    await deleteUser(db, user, actor())
    await print(`${user.name} is removed`)
  })
}
