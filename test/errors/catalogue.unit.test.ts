// The catalogue of errors: words without commands, commands that exist, pages that exist.
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { type Code, catalogue, entryOf } from '../../src/errors/catalogue.ts'
import { AccountError, OperationError, ServiceError } from '../../src/errors/errors.ts'
import { hintForCommand, hintForPage, messageOf, remediesOf } from '../../src/errors/hints.ts'
import { remedyCommand, remedyPage, remedyWords } from '../../src/errors/remedy.ts'
import { routes } from '../../src/web/routes.ts'

const examples = (Object.keys(catalogue) as Code[]).flatMap(code =>
  entryOf(code).examples.map(params => ({ code, params })),
)

const named = examples.map(failure => [`${failure.code} ${JSON.stringify(failure.params)}`, failure] as const)

test.each(named)('%s: no word of it names a command or a page', (_, failure) => {
  const { title, explain, advise } = entryOf(failure.code)
  const texts = [title, explain(failure.params), advise?.(failure.params) ?? '', messageOf(failure)]
  for (const text of [...texts, ...remediesOf(failure).map(remedyWords)])
    expect(text).not.toMatch(/`|\bletterlock [a-z]+ |(^|\s)--[a-z]|undefined|\/accounts\//)
  expect(title).toMatch(/^[A-Z][^.]+$/)
  expect(messageOf(failure)).toMatch(/^[a-z0-9"A-Z](.|\n)*[^.]$/)
})

/** The command that a line calls, or what is wrong with the line. */
function commandOf(line: string): Command | string {
  let command = createProgram() as Command
  const words = line.split(' ').slice(1)
  for (let next = command; next !== undefined; ) {
    command = next
    const found = command.commands.find(sub => sub.name() === words[0])
    if (found === undefined) break
    words.shift()
    next = found
  }
  if (command.commands.length > 0) return `no such command: ${line}`
  const { operands, unknown } = command.parseOptions(words)
  if (unknown.length > 0) return `unknown option ${unknown.join(' ')}: ${line}`
  const { registeredArguments } = command
  const fewest = registeredArguments.filter(argument => argument.required).length
  const most = registeredArguments.some(({ variadic }) => variadic)
    ? Number.POSITIVE_INFINITY
    : registeredArguments.length
  return operands.length < fewest || operands.length > most ? `${operands.length} arguments: ${line}` : command
}

test('every command of a remedy exists, with its arguments and options, and names real ids', () => {
  const lines = examples.flatMap(remediesOf).map(remedyCommand)
  const ours = lines.filter(line => line.startsWith('letterlock '))
  expect(ours.length).toBeGreaterThan(50)
  expect(ours.map(commandOf).filter(found => typeof found === 'string')).toEqual([])
  expect(lines.filter(line => /\bID\b|undefined/.test(line))).toEqual([])
})

test('every page of a remedy exists', () => {
  const pages = routes.filter(({ method }) => method === 'GET').map(({ path }) => path)
  const patterns = pages.map(path => new RegExp(`^${path.replace(/:\w+/g, '[^/]+').replace('*', '.*')}$`))
  const links = examples
    .flatMap(remediesOf)
    .map(remedyPage)
    .filter(link => link !== undefined)
  expect(links.length).toBeGreaterThan(20)
  expect(links.filter(({ href }) => !patterns.some(pattern => pattern.test(href)))).toEqual([])
})

test('an error carries its values and its remedy, and each surface has its own words for them', () => {
  const refused = new AccountError('imap.auth_refused', { account: 4, during: 'login' }, { temporary: false })
  expect(refused).toMatchObject({ params: { account: 4 }, remedy: { action: 'set-password', account: 4 } })
  expect(refused.message).toBe('account 4: the mail server refused the user name or the password (login)')
  expect(hintForCommand(refused)).toContain('Enter the password again: `letterlock account set 4 --password-stdin`.')
  expect(hintForPage(refused, { account: 4 })).toMatchObject({
    text: expect.stringMatching(/^The mail server refused the user name or the password\. /),
    links: [{ href: '/accounts/4/edit', words: 'Edit' }],
    commands: [],
  })
})

test('what no page does is a command to run on the server', () => {
  const changed = new AccountError('vault.destination_changed', { account: 4 }, { temporary: false })
  const { links, commands } = hintForPage(changed)
  expect(links.map(({ href }) => href)).toEqual(['/accounts/4/edit'])
  expect(commands.map(({ command }) => command)).toEqual(['letterlock encryption accept-destination 4'])
})

test('an account that is not saved yet has no remedy that needs its id', () => {
  const refused = new AccountError('imap.auth_refused', { account: 0 }, { temporary: false })
  expect(refused.remedy).toBeUndefined()
  expect(refused.message).toBe('the mail server refused the user name or the password')
})

test('the problems behind an error say what to do', () => {
  const because = [{ code: 'backup.unproven', params: { keyId: '1c24c9422600865d' } }] as const
  const locked = new ServiceError('vault.locked', {}, { temporary: true, because })
  expect(locked.hint).toBe(
    'No backup of the key 1c24c9422600865d is proven. Copy the key file to another disk, then prove the copy: `letterlock encryption backup --verify COPY`.',
  )
})

test('a refused operation says what kind of refusal it is', () => {
  expect(new OperationError('account.not_found', { which: 4 })).toMatchObject({ status: 404, exitCode: 1 })
  expect(new OperationError('user.name_refused', {})).toMatchObject({ status: 422, exitCode: 2 })
  expect(new OperationError('user.last_admin', {})).toMatchObject({ status: 409, exitCode: 1 })
})
