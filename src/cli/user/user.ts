// `letterlock user …`: people who sign in to the web interface.
import { CommandError, OperationError } from '../../errors/errors.ts'
import {
  addUser as add,
  listUsers as list,
  setPassword as passwd,
  removeUser as remove,
} from '../../operations/users.ts'
import { getUser, toUserName } from '../../store/people/user-rows.ts'
import { shortestPassword } from '../../vault/secrets/password-hash.ts'
import { commandActor } from '../actor.ts'
import { askFor, checkGiven } from '../ask.ts'
import { type GlobalOptions, withDeps } from '../connect.ts'
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

const names = { name: 'the name', user: 'the user', role: '--admin', password: 'the password' }

/** Stands for the password until the person is asked for it. */
const later = 'x'.repeat(shortestPassword)

export async function addUser(typed: string, options: PasswordOptions & { admin?: boolean }): Promise<void> {
  const given = { name: typed, role: options.admin === true ? 'admin' : 'agent' }
  checkGiven(add.input, { input: { ...given, password: later }, names })
  await withDeps(options, async deps => {
    const name = toUserName(typed) ?? typed
    if ((await list.run(deps, commandActor(), {})).some(user => user.name === name))
      throw new OperationError('user.exists', { user: name })
    const input = checkGiven(add.input, { input: { ...given, password: await readPassword(name, options) }, names })
    const { role } = await add.run(deps, commandActor(), input)
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
  const question = `Password of ${name}: `
  return options.passwordStdin === true ? await readSecretFromStdin(question) : await askTwice(question)
}

async function askTwice(question: string): Promise<string> {
  const password = await askSecret(question)
  if ((await askSecret('Once more: ')) === password) return password
  throw new CommandError('the passwords do not match', 'run the command again')
}

export async function listUsers(options: GlobalOptions & { json?: boolean }): Promise<void> {
  const users = await askFor(list, options, { input: {}, names })
  if (options.json) return await printJson(users)
  if (users.length === 0) return await print('nobody can sign in to the web interface')
  await printTable(
    ['NAME', 'ROLE', 'SINCE', 'SIGNED IN'],
    users.map(({ name, role, createdAt, signedInAt }) => [name, role, time(createdAt), time(signedInAt)]),
  )
}

export async function setPassword(user: string, options: PasswordOptions): Promise<void> {
  await withDeps(options, async deps => {
    const { name } = await getUser(deps.db, user)
    const input = checkGiven(passwd.input, { input: { user, password: await readPassword(name, options) }, names })
    await passwd.run(deps, commandActor(), input)
    await print(`${name} has a new password and is signed out everywhere`)
  })
}

export async function removeUser(user: string, options: GlobalOptions & { yes?: boolean }): Promise<void> {
  await withDeps(options, async deps => {
    const { id, name, role } = await getUser(deps.db, user)
    await confirm(`Take away the access of ${name} (${role})?`, options)
    await remove.run(deps, commandActor(), { user: id })
    await print(`${name} is removed`)
  })
}
