// What README and docs show can be typed: every command exists with its options and arguments, and what can run in the world of a test runs.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rawMail } from '../support/messages.ts'
import { openTicketDesk, type TicketDesk } from '../support/ticket-desk.ts'
import { letterlock } from './letterlock.ts'
import { faultOf, nameOf, shownCommands, shownScripts } from './shown-commands.ts'

const commands = shownCommands()
const inBlocks = commands.filter(({ isBlock }) => isBlock)

/** Shown in a block, and not run here. */
const notRun: Readonly<Record<string, string>> = {
  'account discover': 'asks the DNS of the internet; test/cli/account-test.test.ts has a server of its own',
  'account add': 'dials a server of the internet; test/cli/account-test.test.ts adds accounts of a real server',
  'account set': 'asks for a password on a terminal; test/cli/terminal.test.ts does',
  'support-bundle': 'asks on a terminal; test/flow/monitoring.test.ts runs it',
  setup: 'makes a user of a database server and starts a service; test/cli/setup.test.ts and test/system run it',
  restore: 'needs an empty database; test/flow/backup.test.ts runs it',
  'encryption enable': 'needs two acknowledgements and changes the keys; test/cli/encryption.test.ts runs it',
  'encryption disable': 'needs an active key; test/cli/encryption.test.ts runs it',
  'encryption rotate': 'needs an active key; test/cli/encryption.test.ts runs it',
  'encryption backup': 'needs an active key; test/cli/encryption.test.ts runs it',
  'encryption recover': 'needs a key that is lost; test/cli/encryption.test.ts runs it',
}

const withAttachment = rawMail({
  subject: 'an invoice',
  headers: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b'],
  body: [
    '--b\r\nContent-Type: text/plain\r\n\r\nSee the invoice.',
    '--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\nbytes',
    '--b--',
  ].join('\r\n'),
})

let desk: TicketDesk
beforeAll(async () => {
  desk = await openTicketDesk()
  await desk.deliver(withAttachment)
  writeFileSync(path.join(desk.world.directory, 'odd.eml'), withAttachment)
})
afterAll(() => desk[Symbol.asyncDispose]())

test('every command that is shown exists, with its options and arguments', () => {
  expect(commands.length).toBeGreaterThan(60)
  const faults = commands.map(command => [command.where, faultOf(command)]).filter(([, fault]) => fault !== undefined)
  expect(faults).toEqual([])
})

test('every script of npm that is shown exists', () => {
  const { scripts } = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../package.json'), 'utf8'))
  expect(shownScripts().filter(name => !(name in scripts))).toEqual([])
})

test('no reason is left of a command that is no longer shown', () => {
  const shown = new Set(inBlocks.map(nameOf))
  expect(Object.keys(notRun).filter(name => !shown.has(name))).toEqual([])
})

test('what is shown in a block runs', async () => {
  const { world, accountId } = desk
  const ticket = String(await desk.ticket('an invoice'))
  const { address } = await world.db('accounts').where({ id: accountId }).first('address')
  const { config } = world
  // A name that may be confirmed.
  await world.db('seen_authserv_ids').insert({ account_id: accountId, authserv_id: 'mx.example.com', mails: 3 })
  const env = {
    LETTERLOCK_DATABASE_URL: config.database.url,
    LETTERLOCK_REDIS_URL: config.redis.url,
    LETTERLOCK_REDIS_PREFIX: config.redis.prefix,
    LETTERLOCK_DATA_DIRECTORY: world.directory,
    LETTERLOCK_WEB_LISTEN: new URL(desk.daemon.url).host,
  }
  const named = (word: string): string => {
    if (/^(\d+|ID)$/.test(word)) return ticket
    if (word === 'NAME' || word === 'ada') return 'hedy'
    if (word === '/var/backups/letterlock') return path.join(world.directory, 'backups')
    if (word.endsWith('.prom')) return path.join(world.directory, path.basename(word))
    return word === 'support@example.com' ? address : word
  }
  for (const command of inBlocks.filter(command => !(nameOf(command) in notRun))) {
    const isUser = nameOf(command) === 'user add'
    if (isUser) await world.db('users').where({ name: 'hedy' }).delete()
    // The value of an option (`--attachment 1`) is no id.
    const args = command.args.map((word, i) =>
      command.args[i - 1]?.startsWith('--') && /^\d/.test(word) ? word : named(word),
    )
    const ran = await letterlock([...args, ...(isUser ? ['--password-stdin'] : [])], {
      env,
      directory: world.directory,
      stdin: isUser ? 'a passphrase of several words\n' : '',
    })
    // A warning is an answer, too: the disk of whoever runs this may be nearly full.
    const isPlugin = args.includes('--monitoring') && ran.code === 1
    expect({ ...ran, stdout: '' }, `${command.where}\n${ran.stdout}${ran.stderr}`).toMatchObject({
      code: isPlugin ? 1 : 0,
    })
  }
})
