// The demo: a private mail server with three sample mailboxes into which a new mail comes every 20 s, and their accounts, with the
// passwords in plaintext as helpdesks keep them.
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import { insertAccount } from '../store/accounts.ts'
import { demoMailboxes, nextDemoMail } from './demo-mails.ts'
import { type Dovecot, startDovecot } from './dovecot.ts'

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

const newMailEveryMs = 20_000

/** Starts the mail server; mails that a former run delivered are not delivered again. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const directory = mailDirectory(options.directory)
  const boxes = demoMailboxes(new Date())
  const password = readPassword(directory)
  options.progress('starting a private mail server …')
  const dovecot = await startDovecot({
    directory,
    users: boxes.map(box => ({ name: box.user, password })),
    progress: options.progress,
    signal: options.signal,
  })
  deliverOnce(directory, dovecot, boxes)
  let number = 0
  const dropMail = (): void => dovecot.deliver('support', 'INBOX', [nextDemoMail(number++, new Date())])
  const timer = setInterval(dropMail, newMailEveryMs)
  return {
    accounts: boxes.map(box => ({
      address: box.address,
      host: dovecot.host,
      port: dovecot.ports.tls,
      username: box.user,
      password,
      caPem: dovecot.caPem,
    })),
    dropMail,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await dovecot[Symbol.asyncDispose]()
    },
  }
}

/** As root, Dovecot runs as nobody, who may not enter a clone in root's home: then mail lies where everybody may pass. */
function mailDirectory(directory: string): string {
  if (process.getuid?.() !== 0) return path.join(directory, 'dovecot')
  const id = createHash('sha256').update(path.resolve(directory)).digest('hex').slice(0, 16)
  const folder = path.join('/var/tmp', `letterlock-demo-${id}`)
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  return path.join(folder, 'dovecot')
}

/** Random, and the same at every start. */
function readPassword(directory: string): string {
  const file = path.join(directory, 'password')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (!existsSync(file)) writeFileSync(file, randomBytes(12).toString('base64url'), { mode: 0o600 })
  return readFileSync(file, 'utf8')
}

function deliverOnce(directory: string, dovecot: Dovecot, boxes: ReturnType<typeof demoMailboxes>): void {
  const mark = path.join(directory, 'delivered')
  if (existsSync(mark)) return
  for (const box of boxes) dovecot.deliver(box.user, 'INBOX', box.mails)
  writeFileSync(mark, '')
}

const pollEverySeconds = 5

/** Writes the accounts as a helpdesk would; ports and the CA are other ones at every start. */
export async function insertDemoAccounts(db: Knex, accounts: readonly DemoAccount[]): Promise<void> {
  for (const account of accounts) {
    const { address, host, port, username, password, caPem } = account
    const known = await db('accounts').where({ address }).whereNull('removed_at').first('id')
    if (known !== undefined) {
      await db('accounts').where({ id: known.id }).update({ host, port, ca_pem: caPem, next_attempt_at: null })
      continue
    }
    await insertAccount(db, {
      address,
      host,
      port,
      security: 'tls',
      username,
      caPem,
      everySeconds: pollEverySeconds,
      afterIngest: 'keep',
      startFrom: 'all',
      mailboxes: ['INBOX'],
      enabled: true,
      password,
    })
  }
}
