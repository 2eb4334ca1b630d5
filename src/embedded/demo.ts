// The demo: a private mail server with three sample mailboxes into which a new mail comes every 20 s, and their accounts, with the
// passwords in plaintext as helpdesks keep them.

import { randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import type { WriteSecret } from '../model/secret.ts'
import { insertAccount, updateAccount } from '../store/accounts/account-changes.ts'
import { type DemoMailbox, demoMailboxes, nextDemoMail } from './demo-mails.ts'
import { type Dovecot, startDovecot } from './dovecot.ts'

export { dovecotPrograms as demoPrograms } from './dovecot.ts'

export interface DemoAccount {
  address: string
  host: string
  port: number
  username: string
  password: string
  caPem: string
}

export interface Demo extends AsyncDisposable {
  accounts: DemoAccount[]
  /** Delivers one more mail now. */
  dropMail(): void
}

export interface DemoOptions {
  /** What lasts lies under it. */
  directory: string
  progress(line: string): void
  signal: AbortSignal
}

/** What the next start must know. The same `began` makes the same mails, byte for byte. */
interface State {
  began: string
  password: string
  mail: string
  /** How many sample mails each user has got. */
  delivered: Record<string, number>
  /** How many new mails have come. */
  dropped: number
}

const newMailEveryMs = 20_000

/** Starts the mail server; mails that a former run delivered are not delivered again. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { directory, progress, signal } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const state = openState(directory)
  const boxes = demoMailboxes(new Date(state.began))
  progress('starting a private mail server …')
  const dovecot = await startDovecot({
    directory: state.mail,
    users: boxes.map(box => ({ name: box.user, password: state.password })),
    progress,
    signal,
  })
  for (const box of boxes) deliverMissing(directory, state, dovecot, box)
  const dropMail = (): void => {
    dovecot.deliver('support', 'INBOX', [nextDemoMail(state.dropped++, new Date())])
    writeState(directory, state)
  }
  const timer = setInterval(() => orTell(dropMail, progress), newMailEveryMs)
  return {
    accounts: boxes.map(box => ({
      address: box.address,
      host: dovecot.host,
      port: dovecot.ports.tls,
      username: box.user,
      password: state.password,
      caPem: dovecot.caPem,
    })),
    dropMail,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await dovecot[Symbol.asyncDispose]()
    },
  }
}

/** A full disk must not end the daemon. */
function orTell(act: () => void, progress: (line: string) => void): void {
  try {
    act()
  } catch (error) {
    progress(`no new sample mail: ${(error as Error).message}`)
  }
}

function openState(directory: string): State {
  const state = readState(directory) ?? {
    began: new Date().toISOString(),
    password: randomBytes(12).toString('base64url'),
    mail: '',
    delivered: {},
    dropped: 0,
  }
  if (!isOurs(state.mail)) {
    state.mail = makeMailDirectory(directory)
    state.delivered = {}
  }
  writeState(directory, state)
  return state
}

/** As root, Dovecot runs as nobody, who may not enter a clone in root's home: then mail lies where everybody may pass. */
function makeMailDirectory(directory: string): string {
  if (process.getuid?.() === 0) return mkdtempSync('/var/tmp/letterlock-demo-')
  const folder = path.join(directory, 'dovecot')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

function isOurs(folder: string): boolean {
  const found = folder === '' ? undefined : lstatSync(folder, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === process.getuid?.()
}

const stateFile = (directory: string) => path.join(directory, 'demo.json')

function readState(directory: string): State | undefined {
  try {
    return JSON.parse(readFileSync(stateFile(directory), 'utf8')) as State
  } catch {
    return undefined
  }
}

function writeState(directory: string, state: State): void {
  writeFileSync(`${stateFile(directory)}.new`, JSON.stringify(state), { mode: 0o600 })
  renameSync(`${stateFile(directory)}.new`, stateFile(directory))
}

function deliverMissing(directory: string, state: State, dovecot: Dovecot, box: DemoMailbox): void {
  for (const mail of box.mails.slice(state.delivered[box.user] ?? 0)) {
    dovecot.deliver(box.user, 'INBOX', [mail])
    state.delivered[box.user] = (state.delivered[box.user] ?? 0) + 1
    writeState(directory, state)
  }
}

const pollEverySeconds = 5

/** Writes the accounts as a helpdesk would; where the mail server got other ports or another CA, they follow. */
export async function insertDemoAccounts(
  db: Knex,
  accounts: readonly DemoAccount[],
  writeSecret: WriteSecret,
): Promise<void> {
  for (const account of accounts) {
    const { address, host, port, username, password, caPem } = account
    const known = await db('accounts').where({ address }).whereNull('removed_at').first('id', 'host', 'port', 'ca_pem')
    if (known !== undefined) {
      const moved = known.host !== host || known.port !== port || known.ca_pem !== caPem
      if (moved) await updateAccount(db, known.id, { host, port, caPem, password }, writeSecret)
      continue
    }
    await insertAccount(
      db,
      {
        address,
        host,
        port,
        security: 'tls',
        username,
        caPem,
        push: true,
        everySeconds: pollEverySeconds,
        afterIngest: 'keep',
        startFrom: 'all',
        mailboxes: ['INBOX'],
        enabled: true,
        password,
      },
      writeSecret,
    )
  }
}
