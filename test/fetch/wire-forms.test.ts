// Names, logins and answers in forms that RFC 2342 and RFC 3501 allow and that were not written or read.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { openSession } from '../../src/fetch/imap-session.ts'
import { version } from '../../src/version.ts'
import { type Script, startScriptedServer } from '../support/imap-server.ts'

const source = Buffer.from('Subject: x\r\n\r\nhello\r\n')

async function open(script: Partial<Script>, username = 'support') {
  const server = await startScriptedServer({ mails: [{ uid: 1, source }], ...script })
  const destination = { ...server.destination, username }
  const session = await openSession({ id: 17 }, destination, Buffer.from('pw'), { timeoutMs: 30_000 })
  return { server, session, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

const namespaces = {
  refuse: { 'UID MOVE': 'NO not now' },
  capabilities: ['IMAP4rev1', 'UIDPLUS', 'MOVE', 'NAMESPACE'],
  instead: {
    NAMESPACE: (tag: string) => [
      `* NAMESPACE (("INBOX." ".")("Archive." ".")) (("~" ".")) (("#shared." ".")("&ANY-ffentlich." "."))\r\n${tag} OK done\r\n`,
    ],
  },
}

test.each([
  ['Support', 'INBOX.Support'],
  ['INBOX.Support', 'INBOX.Support'],
  ['#shared.x', '#shared.x'],
  ['#shared', '#shared'],
  ['#sharedness', 'INBOX.#sharedness'],
  ['~.anna', '~.anna'],
  ['Archive.2026', 'Archive.2026'],
  ['Öffentlich.x', '&ANY-ffentlich.x'],
])('the prefix of the own namespace stood before names of the others: %s is %s', async (name, wire) => {
  await using world = await open({ ...namespaces, others: { [wire]: [{ uid: 5, source }] } })
  const { session, server } = world
  expect((await session.status(name)).messages).toBe(1)
  expect((await session.select(name, 'read-write')).name).toBe(name)
  expect(await session.mailboxes()).toContain(wire.replace('&ANY-', 'Ö'))
  const inbox = await session.select('INBOX', 'read-write')
  await expect(inbox.settle([1], { kind: 'move', mailbox: name })).rejects.toMatchObject({ code: 'imap.refused' })
  const sent = server.commands.filter(command => /^(STATUS|SELECT|UID MOVE)/.test(command))
  expect(sent.map(command => command.replaceAll('"', ''))).toEqual([
    expect.stringMatching(/^STATUS /),
    `SELECT ${wire}`,
    'SELECT INBOX',
    `UID MOVE 1 ${wire}`,
  ])
  expect(sent[0]?.replaceAll('"', '')).toContain(`STATUS ${wire} (`)
})

test.each([
  ['DOMAIN\\anna', ['AUTH=PLAIN', 'LOGINDISABLED'], undefined],
  ['anna/support', ['AUTH=PLAIN', 'AUTH=LOGIN'], undefined],
  ['DOMAIN\\anna', ['AUTH=PLAIN', 'LOGINDISABLED'], 'OK The Microsoft Exchange IMAP4 service is ready.'],
])('the user name %s could not use AUTH=PLAIN (%s)', async (username, offered, greeting) => {
  const capabilities = ['IMAP4rev1', ...offered]
  await using world = await open(
    { capabilities, greeting, instead: { AUTHENTICATE: tag => ['+ \r\n', `${tag} OK done\r\n`] } },
    username,
  )
  expect(world.server.commands).toContain('AUTHENTICATE PLAIN')
  expect(world.server.commands).toContain(Buffer.from(`\0${username}\0pw`).toString('base64'))
})

test.each([
  ['Exchange, which takes a mailbox of others so', ['AUTH=PLAIN'], 'OK The Microsoft Exchange IMAP4 service is ready.'],
  ['a server that offers nothing else', [], undefined],
])('a user name with a backslash uses LOGIN at %s', async (_, offered, greeting) => {
  await using world = await open({ capabilities: ['IMAP4rev1', ...offered], greeting }, 'DOMAIN\\anna')
  expect(world.server.commands).toContain('LOGIN "DOMAIN\\\\anna" "pw"')
})

/** Reads literals, which the scripted server does not; answers everything with OK. */
async function startLiteralServer(capabilities: string) {
  let heard = Buffer.alloc(0)
  const server = createServer(socket => {
    let [rest, command] = [Buffer.alloc(0), '']
    socket.on('error', () => {})
    socket.write(`* OK [CAPABILITY IMAP4rev1 ${capabilities}] ready\r\n`)
    let wanted = 0
    socket.on('data', data => {
      heard = Buffer.concat([heard, data])
      rest = Buffer.concat([rest, data])
      for (;;) {
        const end = rest.indexOf('\r\n', wanted)
        if (rest.length < wanted || end < 0) return
        const line = rest.toString('latin1', 0, end)
        command += line
        rest = rest.subarray(end + 2)
        const literal = /\{(\d+)(\+?)\}$/.exec(line)
        wanted = Number(literal?.[1] ?? 0)
        if (literal?.[2] === '') socket.write('+ go on\r\n')
        if (literal) continue
        socket.write(`${command.split(' ')[0]} OK done\r\n`)
        command = ''
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => heard.toString('utf8'),
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

test.each(['', 'LITERAL+'])('user names and passwords of 8 bits stood in quotes (%s)', async capability => {
  await using server = await startLiteralServer(capability)
  const destination = {
    host: '127.0.0.1',
    port: server.port,
    security: 'cleartext',
    username: 'Jürg',
    caPem: null,
  } as const
  const session = await openSession({ id: 17 }, destination, Buffer.from('päßw "'), { timeoutMs: 30_000 })
  session.close()
  const plus = capability === '' ? '' : '+'
  expect(server.heard()).toContain(`LOGIN {5${plus}}\r\nJürg {8${plus}}\r\npäßw "\r\n`)
})

test('a literal whose length begins with zeros was not read', async () => {
  await using world = await open({
    instead: {
      'UID FETCH': (tag, rest) => [
        rest.includes('BODY')
          ? `* 1 FETCH (UID 1 RFC822.SIZE ${source.length} BODY[] {000${source.length}}\r\n${source})\r\n`
          : `* 1 FETCH (UID 1 RFC822.SIZE ${source.length})\r\n`,
        `${tag} OK done\r\n`,
      ],
    },
  })
  const mailbox = await world.session.select('INBOX', 'read-only')
  await mailbox.list(1, 10)
  const fetched: Buffer[] = []
  for await (const mail of mailbox.fetch([1], 1_000_000)) fetched.push(mail.source)
  expect(fetched).toEqual([source])
})

test('ID said the name of the library: it says Letterlock and its version', async () => {
  await using world = await open({ capabilities: ['IMAP4rev1', 'ID'] })
  const [said] = world.server.commands.filter(command => command.startsWith('ID '))
  expect(said).toMatch(`"name" "Letterlock" "version" "${version}"`)
  expect(said).not.toMatch(/imapflow/i)
})
