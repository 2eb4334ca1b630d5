// `account trace`: what a person needs to see of the protocol, and nothing of passwords, tokens and mail, whatever a server repeats.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TraceLine } from '../../src/fetch/trace-session.ts'
import type { Actor } from '../../src/operations/operation.ts'
import { traceAccount } from '../../src/operations/trace-account.ts'
import type { NewAccount } from '../../src/store/accounts/account-changes.ts'
import { letterlock } from '../cli/letterlock.ts'
import { type Script, type ScriptedServer, startScriptedServer } from '../support/imap-server.ts'
import { openScene, type Scene } from './scene.ts'

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterAll(() => scene[Symbol.asyncDispose]())

const password = 'Tr0ub4dor&3'
const words = 'the heating smells of burnt almonds'
const mail = Buffer.from(`From: Ada <ada@example.com>\r\nSubject: ${words}\r\n\r\n${words}\r\n`)
const actor: Actor = { kind: 'command', name: 'root@host' }

async function addAccount({ destination }: ScriptedServer, change: Partial<NewAccount> = {}): Promise<number> {
  return await scene.addAccount({ ...destination, password, ...change })
}

interface Traced {
  lines: TraceLine[]
  /** Everything that a person is shown, also of the failure. */
  text: string
  code: string | undefined
}

async function trace(account: number): Promise<Traced> {
  const lines: TraceLine[] = []
  const deps = { ...scene.deps, traced: (line: TraceLine) => void lines.push(line) }
  const { failure } = await traceAccount.run(deps, actor, { account })
  const text = [
    ...lines.map(({ from, line }) => `${from === 'client' ? 'C' : 'S'}: ${line}`),
    failure?.message,
    failure?.hint,
  ]
  return { lines, text: text.join('\n'), code: failure?.code }
}

test('what a poll asks for is shown, and nothing is changed on the server', async () => {
  await using server = await startScriptedServer({
    mails: [{ uid: 7, source: mail }],
    others: { Done: [], 'B&APw-ro': [] },
    capabilities: ['IMAP4rev1', 'AUTH=PLAIN', 'LOGINDISABLED', 'X-STRANGE'],
    instead: { AUTHENTICATE: tag => [`+ \r\n${tag} OK done\r\n`] },
  })
  const id = await addAccount(server, { mailboxes: ['INBOX', 'Büro'], afterIngest: 'move:Done' })
  const { text, code } = await trace(id)
  expect(code).toBeUndefined()
  expect(text).toMatch(
    /^S: \* OK \[CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED \(word, 9 bytes\)\] \(text, 5 bytes\)\n/,
  )
  for (const part of [
    /C: \w+ AUTHENTICATE PLAIN\n/,
    /C: \(continuation, hidden\)\n/,
    /C: \w+ STATUS "?INBOX"? \(MESSAGES UIDNEXT UIDVALIDITY\)\nS: \* STATUS "INBOX" \(MESSAGES 1 UIDNEXT 8 UIDVALIDITY 1\)\n/,
    /C: \w+ EXAMINE "?INBOX"?\n/,
    /S: \* SEARCH 7\n/,
    /S: \* 1 FETCH \(UID 7 RFC822\.SIZE \d+ INTERNALDATE "24-Nov-2026 10:00:00 \+0000"\)\n/,
    /C: \w+ EXAMINE "?B&APw-ro"?\n/,
    /C: \w+ STATUS "?Done"?/,
    /C: \w+ LOGOUT\n/,
  ])
    expect(text).toMatch(part)
  expect(server.commands.filter(line => /^(SELECT|UID (STORE|MOVE|COPY)|EXPUNGE|CLOSE|.*BODY)/i.test(line))).toEqual([])
  const row = await scene.deps.db('audit_log').where({ account_id: id }).first()
  expect(row.action).toBe('account.trace')
  expect(JSON.parse(row.detail_json)).toEqual({ host: '127.0.0.1', port: server.destination.port, end: 'ok' })
})

test('the command prints a line each, with the time since it began, or an object', async () => {
  await using server = await startScriptedServer()
  const id = await addAccount(server)
  const env = { LETTERLOCK_DATABASE_URL: scene.config.database.url }
  const [text, json] = await Promise.all([
    letterlock(['account', 'trace', String(id)], { env }),
    letterlock(['account', 'trace', String(id), '--json'], { env }),
  ])
  expect(text).toMatchObject({ code: 0, stderr: '' })
  for (const line of text.stdout.trimEnd().split('\n')) expect(line).toMatch(/^ *\d+\.\d{3} [CS]: ./)
  expect(json).toMatchObject({ code: 0, stderr: '' })
  for (const line of json.stdout.trimEnd().split('\n'))
    expect(JSON.parse(line)).toEqual({
      at: expect.stringMatching(/^\d{4}-.+Z$/),
      ms: expect.any(Number),
      from: expect.stringMatching(/^(client|server)$/),
      line: expect.any(String),
    })
})

test.each<[string, string | undefined, (echo: string, atoms: string) => Partial<Script>]>([
  [
    'in all that a server may say beside its answers',
    undefined,
    (echo, atoms) => ({
      greeting: `OK [CAPABILITY IMAP4rev1 ${atoms}] ${echo}`,
      capabilities: ['IMAP4rev1', ...atoms.split(' ')],
      login: `OK [${atoms}] ${echo}`,
      chatter: [
        `OK [ALERT] ${echo}`,
        `OK [PERMANENTFLAGS (\\Seen ${atoms})] x`,
        `FLAGS (${atoms})`,
        `LIST (\\${atoms}) "/" "${echo}"`,
        `1 FETCH (FLAGS (${atoms}))`,
        `1 FETCH (ENVELOPE ("date" "${echo}" NIL NIL NIL NIL NIL NIL NIL "<id>"))`,
        `1 FETCH (BODY[HEADER] {${echo.length}}\r\n${echo})`,
        `NAMESPACE (("${echo}" "/")) NIL NIL`,
        `ID ("name" "${echo}")`,
        atoms,
      ],
    }),
  ],
  ['when it refuses a login', 'imap.auth_refused', echo => ({ login: `NO [AUTHENTICATIONFAILED] ${echo}` })],
  ['in a response code', 'imap.auth_refused', (echo, atoms) => ({ login: `NO [${atoms}] ${echo}` })],
  [
    'when it refuses a mailbox',
    'imap.mailbox_missing',
    echo => ({ refuse: { STATUS: `NO [NONEXISTENT] ${echo}`, EXAMINE: `NO ${echo}` } }),
  ],
  ['when it ends the connection', 'imap.connection_lost', echo => ({ refuse: { STATUS: `BYE ${echo}` } })],
  ['in place of a greeting', undefined, echo => ({ greeting: `HELLO ${echo}` })],
  [
    'as a continuation',
    'imap.auth_refused',
    echo => ({ instead: { LOGIN: tag => [`+ ${echo}\r\n${tag} NO ${echo}\r\n`] } }),
  ],
  [
    'as a tag',
    undefined,
    (echo, atoms) => ({ instead: { STATUS: tag => [`${atoms} OK ${echo}\r\n`, `${tag} NO ${echo}\r\n`] } }),
  ],
])('a server that repeats the password and a mail %s gives neither away', async (_, code, script) => {
  const blob = Buffer.from(`\0support\0${password}`).toString('base64')
  const echo = `${password} ${blob} ${words}`
  const given = script(echo, echo.replace(/[^\w&+/= ]/g, ''))
  await using server = await startScriptedServer({ mails: [{ uid: 7, source: mail }], ...given })
  const traced = await trace(await addAccount(server))
  for (const hidden of [password, blob, 'Tr0ub4dor', 'heating', 'burnt', 'almonds', 'ada@example.com'])
    expect(traced.text).not.toContain(hidden)
  expect(traced.lines.length).toBeGreaterThan(0)
  if (code !== undefined) expect(traced.code).toBe(code)
})

test('a login that was refused a moment ago is not tried again', async () => {
  await using server = await startScriptedServer()
  const id = await addAccount(server)
  const { db } = scene.deps
  await db('accounts')
    .where({ id })
    .update({ code: 'imap.auth_refused', last_attempt_at: db.raw('UTC_TIMESTAMP(3)') })
  await expect(trace(id)).rejects.toThrow(/refused a moment ago/)
  expect(server.accepted()).toBe(0)
})
