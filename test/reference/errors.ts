// docs/errors.md: every code of the catalogue, with the causes that have words of their own and what to do about each.
import { encryptionEntries } from '../../src/errors/encryption.ts'
import { type Entry, type Params, sentence } from '../../src/errors/entry.ts'
import { accountEntries, messageEntries } from '../../src/errors/mail.ts'
import { operationEntries } from '../../src/errors/operations.ts'
import { remedyCommand, remedyPage, remedyWords } from '../../src/errors/remedy.ts'
import { serviceEntries } from '../../src/errors/service.ts'

interface Section {
  title: string
  intro: string
  entries: Readonly<Record<string, unknown>>
}

const sections: readonly Section[] = [
  {
    title: 'Codes of accounts',
    intro:
      '`letterlock account list` shows the code of each account, and its page does. A *failing* account is retried automatically; one that is *waiting* goes on as soon as what is missing is there.',
    entries: accountEntries,
  },
  {
    title: 'Codes of encryption',
    intro: '`letterlock encryption status`, `letterlock doctor` and *Server > Encryption* show them.',
    entries: encryptionEntries,
  },
  {
    title: 'Reasons of quarantine',
    intro:
      '`letterlock quarantine list` shows them without `message.`. `held`, `loop` and `rule:NAME` are holds: [threading](threading.md) and [rules](rules.md).',
    entries: messageEntries,
  },
  {
    title: 'Codes of the service',
    intro:
      '`/ready` and the log show them. The daemon waits and works again as soon as it can. It ends with exit code 2, and systemd does not start it again, only where you must correct something first: wrong text in the configuration (`letterlock check` shows it), a schema that does not fit (`letterlock migrate`), a database or Redis server that is too old, and a Redis that may evict keys.',
    entries: serviceEntries,
  },
  {
    title: 'Refused operations',
    intro: 'Commands and pages show them. Nothing was done.',
    entries: operationEntries,
  },
]

export function errorsPage(): string {
  const head = [
    '# Error codes',
    '',
    'What happened, and what to do. The numbers, names and paths are examples: a message has those of your installation.',
  ]
  return [...head, ...sections.flatMap(toLines), ''].join('\n')
}

function toLines({ title, intro, entries }: Section): string[] {
  const rows = Object.entries(entries).map(([code, entry]) => toRow(code, entry as Entry<Params>))
  return [
    '',
    `## ${title}`,
    '',
    intro,
    '',
    '| code | what happened, for example | what to do | on a page |',
    '|---|---|---|---|',
    ...rows,
  ]
}

function toRow(code: string, { title, explain, advise, remedies, examples }: Entry<Params>): string {
  const happened = examples.map(params => sentence(explain(params)))
  const given = examples.flatMap(params => remedies?.(params) ?? [])
  const advice = examples.map(params => advise?.(params) ?? '')
  const commands = given.map(remedy => `${sentence(remedyWords(remedy)).slice(0, -1)}: \`${remedyCommand(remedy)}\``)
  const pages = given.flatMap(remedy => remedyPage(remedy)?.words ?? [])
  const cells = [`\`${code}\`<br>${title}`, lines(happened), lines([...advice, ...commands]), lines(pages)]
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}

function lines(parts: readonly string[]): string {
  return [...new Set(parts)].filter(part => part !== '').join('<br>')
}
