// A scripted IMAP server for what a good one will not do: it refuses, hangs, drops the line in the middle of a literal, omits mails
// from its answers, says BYE. Speaks as much of RFC 3501 as imapflow asks for.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Destination } from '../../src/fetch/mailbox.ts'

export interface ScriptedMail {
  uid: number
  source: Buffer
}

/** May be changed while the server runs. */
export interface Script {
  mails: ScriptedMail[]
  uidValidity: number
  capabilities: string[]
  /** Answer to LOGIN: `NO [AUTHENTICATIONFAILED] no`, say, or made of what stood behind it; default OK. `hang`: none. */
  login: string | ((credentials: string) => string)
  /** Commands that get no answer at all, as `UID SEARCH`. */
  hangAt: Set<string>
  /** Commands that are answered with BYE and the end of the connection. */
  byeAt: Set<string>
  /** The line is dropped in the middle of these mails. */
  dropAt: Set<number>
  /** Listed by SEARCH, never sent by FETCH. */
  withheld: Set<number>
  /** Sent as NIL, as servers do for a mail that somebody else just removed. */
  nil: Set<number>
  /** RFC822.SIZE that it claims, by UID. */
  claimedSizes: Map<number, number>
}

export interface ScriptedServer extends AsyncDisposable {
  script: Script
  destination: Destination
  /** Every command that was received, without its tag; secrets of LOGIN as they came. */
  commands: string[]
  connections(): number
  /** Connections that there ever were. */
  accepted(): number
}

export const capabilities = ['IMAP4rev1', 'UIDPLUS', 'MOVE']

export async function startScriptedServer(script: Partial<Script> = {}): Promise<ScriptedServer> {
  const full: Script = {
    mails: [],
    uidValidity: 1,
    capabilities,
    login: 'OK done',
    hangAt: new Set(),
    byeAt: new Set(),
    dropAt: new Set(),
    withheld: new Set(),
    nil: new Set(),
    claimedSizes: new Map(),
    ...script,
  }
  const commands: string[] = []
  const sockets = new Set<Socket>()
  let accepted = 0
  const server = createServer(socket => {
    accepted += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.write(`* OK [CAPABILITY ${full.capabilities.join(' ')}] ready\r\n`)
    let rest = ''
    socket.on('data', data => {
      rest += data.toString('utf8')
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end)
        rest = rest.slice(end + 2)
        commands.push(line.replace(/^\S+ /, ''))
        answer(socket, full, line)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    script: full,
    commands,
    connections: () => sockets.size,
    accepted: () => accepted,
    destination: {
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
      security: 'cleartext',
      username: 'support',
      caPem: null,
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function answer(socket: Socket, script: Script, line: string): void {
  const [, tag = '*', command = '', rest = ''] = /^(\S+) ((?:UID )?\S+) ?(.*)$/i.exec(line) ?? []
  const name = command.toUpperCase()
  const say = (...lines: string[]) => socket.write(lines.map(text => `${text}\r\n`).join(''))
  const done = () => say(`${tag} OK done`)
  if (script.hangAt.has(name)) return
  if (script.byeAt.has(name)) {
    socket.end('* BYE going down\r\n')
    return
  }
  const { mails, uidValidity } = script
  const uidNext = Math.max(0, ...mails.map(mail => mail.uid)) + 1
  if (name === 'LOGIN') {
    const text = typeof script.login === 'string' ? script.login : script.login(rest)
    if (text !== 'hang') say(`${tag} ${text}`)
    return
  }
  if (name === 'CAPABILITY') say(`* CAPABILITY ${script.capabilities.join(' ')}`)
  if (name === 'NAMESPACE') say('* NAMESPACE (("" "/")) NIL NIL')
  if (name === 'LIST' || name === 'LSUB') say(`* ${name} () "/" INBOX`)
  if (name === 'STATUS') say(`* STATUS INBOX (MESSAGES ${mails.length} UIDNEXT ${uidNext} UIDVALIDITY ${uidValidity})`)
  if (name === 'SELECT' || name === 'EXAMINE') {
    say('* FLAGS (\\Seen \\Deleted)', '* OK [PERMANENTFLAGS (\\Seen \\Deleted)] ok', `* ${mails.length} EXISTS`)
    say(`* OK [UIDVALIDITY ${uidValidity}] ok`, `* OK [UIDNEXT ${uidNext}] ok`)
  }
  if (name === 'UID SEARCH')
    say(
      `* SEARCH ${pick(mails, rest)
        .map(mail => mail.uid)
        .join(' ')}`,
    )
  if (name === 'UID FETCH' && !fetch(socket, script, rest)) return
  if (name === 'LOGOUT') say('* BYE bye')
  done()
  if (name === 'LOGOUT') socket.end()
}

/** False if the line was dropped. */
function fetch(socket: Socket, script: Script, rest: string): boolean {
  const [set = '', items = ''] = rest.split(/ (.*)/s)
  for (const [i, mail] of script.mails.entries()) {
    const whole = /BODY\.PEEK\[\]/.test(items)
    if (!pick([mail], `UID ${set}`).includes(mail) && !(set.endsWith(':*') && i === script.mails.length - 1)) continue
    if (script.withheld.has(mail.uid) && (whole || /HEADER/.test(items))) continue
    const size = script.claimedSizes.get(mail.uid) ?? mail.source.length
    const head = `* ${i + 1} FETCH (UID ${mail.uid} RFC822.SIZE ${size} INTERNALDATE "24-Nov-2026 10:00:00 +0000"`
    const bytes = whole ? mail.source : /HEADER/.test(items) ? headerOf(mail.source) : undefined
    if (bytes === undefined) {
      socket.write(`${head})\r\n`)
      continue
    }
    const label = whole ? 'BODY[]' : 'BODY[HEADER]'
    if (script.nil.has(mail.uid)) {
      socket.write(`${head} ${label} NIL)\r\n`)
      continue
    }
    socket.write(`${head} ${label} {${bytes.length}}\r\n`)
    if (script.dropAt.has(mail.uid)) {
      socket.end(bytes.subarray(0, Math.floor(bytes.length / 2)))
      return false
    }
    socket.write(bytes)
    socket.write(')\r\n')
  }
  return true
}

function headerOf(source: Buffer): Buffer {
  return source.subarray(0, source.indexOf('\r\n\r\n') + 4)
}

/** The mails of a UID set, or all for other criteria. */
function pick(mails: readonly ScriptedMail[], criteria: string): ScriptedMail[] {
  const set = /UID (\S+)/i.exec(criteria)?.[1]
  if (set === undefined) return [...mails]
  const ranges = set.split(',').map(range => {
    const [from = '0', to = from] = range.split(':')
    return [Number(from), to === '*' ? Number.POSITIVE_INFINITY : Number(to)] as const
  })
  return mails.filter(mail => ranges.some(([from, to]) => mail.uid >= from && mail.uid <= to))
}
