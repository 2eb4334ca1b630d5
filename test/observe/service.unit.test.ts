// What systemd hears of the daemon: priorities, messages and fields of log lines, the status line, what counts as stuck, and which
// settings a running daemon takes over.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { toConfig } from '../../src/config/config.ts'
import { reloadConfig } from '../../src/config/reload.ts'
import { encodeJournalEntry, messageOf, priorityOf, toJournalFields } from '../../src/observe/journal-entry.ts'
import { statusLine, stuckWork } from '../../src/observe/service-state.ts'

const refused = {
  level: 'warn',
  time: '2026-11-29T12:00:00.000Z',
  event: 'poll',
  account: 4,
  ms: 120,
  kind: 'retry',
  code: 'imap.auth_refused',
  hint: 'Enter the new password.',
  error: { name: 'AccountError', code: 'imap.auth_refused', message: 'login refused for account 4' },
  msg: 'fail',
}

test('a level is a priority of syslog; what has none counts as an error', () => {
  const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', undefined]
  expect(levels.map(level => priorityOf({ level }))).toEqual([2, 3, 4, 6, 7, 7, 3])
})

test('a message says what happened, why and what to do', () => {
  expect(messageOf(refused)).toBe(
    'poll of account 4 failed: login refused for account 4 (imap.auth_refused). Enter the new password. [ms 120]',
  )
  expect(messageOf({ event: 'web', ip: '203.0.113.5', msg: 'wrong name or password at sign-in' })).toBe(
    'wrong name or password at sign-in from 203.0.113.5',
  )
  expect(messageOf({ event: 'poll', account: 4, ms: 80, created: 2, ignored: 0, msg: 'done' })).toBe(
    'poll of account 4 done [ms 80, created 2]',
  )
})

test('every value of a line is a field, so that the journal can be asked for an account or a code', () => {
  const fields = Object.fromEntries(toJournalFields(refused))
  expect(fields).toMatchObject({
    PRIORITY: '4',
    SYSLOG_IDENTIFIER: 'letterlock',
    CODE: 'imap.auth_refused',
    LETTERLOCK_ACCOUNT: '4',
    LETTERLOCK_EVENT: 'poll',
    LETTERLOCK_MS: '120',
  })
  expect(JSON.parse(fields.LETTERLOCK_ERROR ?? '')).toEqual(refused.error)
  expect(Object.keys(Object.fromEntries(toJournalFields({ level: 'info', needsRestart: ['web.listen'] })))).toContain(
    'LETTERLOCK_NEEDS_RESTART',
  )
})

test('what others wrote can neither begin a line of its own nor steer a terminal', () => {
  const [[, message]] = toJournalFields({ level: 'warn', msg: 'x\nstarted from 203.0.113.5\u001b[2J' }) as [
    [string, string],
  ]
  expect(message).toBe('x\\u000astarted from 203.0.113.5\\u001b[2J')
})

test('an entry holds each value with its length, so that line feeds are no danger', () => {
  const entry = encodeJournalEntry([['MESSAGE', 'a\nB=c']])
  expect(entry).toEqual(
    Buffer.concat([Buffer.from('MESSAGE\n'), Buffer.from([5, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('a\nB=c\n')]),
  )
})

test('the status line says how many accounts fail, and what is down', () => {
  expect(statusLine({ accounts: 50, failing: 2 }, [])).toBe('50 accounts, 2 failing')
  expect(statusLine({ accounts: 1, failing: 0 }, ['database'])).toBe('1 account; database is down')
})

test('polls that run and never get on are stuck, and so is a beat that does not end', () => {
  const work = { accounts: 3, failing: 0, beatAt: 100_000, progressAt: 0, running: new Map<number, number>() }
  expect(stuckWork(work, 110_000, 60_000)).toBeUndefined()
  expect(stuckWork({ ...work, running: new Map([[1, 90_000]]) }, 110_000, 60_000)).toBeUndefined()
  expect(stuckWork({ ...work, running: new Map([[1, 20_000]]) }, 110_000, 60_000)).toBe(
    '1 poll runs, and none has got on for 90 s',
  )
  expect(stuckWork({ ...work, progressAt: 105_000, running: new Map([[1, 20_000]]) }, 110_000, 60_000)).toBeUndefined()
  expect(stuckWork(work, 200_000, 60_000)).toBe('no check of accounts has ended for 100 s')
})

test('a reload takes over what it can, and names what needs a restart', () => {
  const configOf = (toml: string) => toConfig({ file: undefined, toml, env: {}, directory: '/' })
  const before = configOf('[poll]\nconcurrency = 10\n')
  const wanted = configOf(
    '[poll]\nconcurrency = 20\nbatch_messages = 7\n[log]\nlevel = "debug"\n[hold]\nsame_subject = 5\n',
  )
  const { config, applied, needsRestart } = reloadConfig(before, wanted)
  expect(applied).toEqual(['poll.concurrency', 'hold.same_subject', 'log.level'])
  expect(needsRestart).toEqual(['poll.batch_messages'])
  expect(config).toEqual({
    ...before,
    poll: { ...before.poll, concurrency: 20 },
    hold: { ...before.hold, sameSubject: 5 },
    log: { ...before.log, level: 'debug' },
  })
})

test('the unit of further workers differs from the first one in its name and its listener alone', () => {
  const linesOf = (name: string): string[] =>
    readFileSync(new URL(`../../systemd/${name}`, import.meta.url), 'utf8')
      .split('\n')
      .filter(line => !line.startsWith('#') && line !== '')
  const [first, further] = [linesOf('letterlock.service'), linesOf('letterlock@.service')]
  expect(further.filter(line => !first.includes(line))).toEqual([
    'Description=Letterlock, worker %i',
    'Environment=LETTERLOCK_WORKER_NAME=%i',
    'Environment=LETTERLOCK_WEB_LISTEN=none',
  ])
  expect(first.filter(line => !further.includes(line))).toEqual([
    'Description=Letterlock, ticket mail into the helpdesk',
  ])
})

test('every line of the units has its reason above it', () => {
  for (const name of ['letterlock.service', 'letterlock@.service', 'letterlock.slice']) {
    const lines = readFileSync(new URL(`../../systemd/${name}`, import.meta.url), 'utf8').split('\n')
    const bare = lines.filter((line, i) => {
      const above = lines.slice(0, i).findLast(other => other.startsWith('#') || other === '' || other.startsWith('['))
      return /^\w+=/.test(line) && above?.startsWith('#') !== true
    })
    expect(bare).toEqual(
      ['Description', 'Documentation', 'WantedBy'].flatMap(key => lines.filter(line => line.startsWith(`${key}=`))),
    )
  }
})
