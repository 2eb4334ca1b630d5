// A scripted IMAP server for what a good one will not do: it refuses, hangs, throttles, drops the line in the middle of a literal,
// omits mails from its answers, says what nobody asked for. Speaks as much of RFC 3501 as imapflow asks for.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { Destination } from '../../src/model/destination.ts'

export interface ScriptedMail {
  uid: number
  source: Buffer
}

/** May be changed while the server runs. */
export interface Script {
  /** Those of INBOX. */
  mails: ScriptedMail[]
  /** Further mailboxes, by their names in ASCII. */
  others: Record<string, ScriptedMail[]>
  uidValidity: number
  /** UIDNEXT that it claims; null: it says none. */
  uidNext: number | null | undefined
  capabilities: string[]
  /** First line, without `* `; by default OK with the capabilities. After BYE it closes. */
  greeting: string | undefined
  /** Answer to LOGIN: `NO [AUTHENTICATIONFAILED] no`, say, or made of what stood behind it; default OK. `hang`: none. */
  login: string | ((credentials: string) => string)
  /** Tagged answers to commands, as `UID SEARCH`, in place of doing them. A text that begins with BYE ends the connection. */
  refuse: Record<string, string>
  /** Tagged answer to a FETCH that asks for the bytes of this mail, after those before it were sent. */
  refuseMails: Map<number, string>
  /** The same, and nothing is sent before it. */
  refuseBatches: Map<number, string>
  /** What is sent in place of doing a command, as it stands and as fast as it is read. */
  instead: Record<string, (tag: string, rest: string) => Iterable<string> | AsyncIterable<string>>
  /** Commands that get no answer at all, as `UID SEARCH`. */
  hangAt: Set<string>
  /** Commands that are answered with BYE and the end of the connection. */
  byeAt: Set<string>
  /** The line is dropped in the middle of these mails. */
  dropAt: Set<number>
  /** UIDs that SEARCH names though there is no such mail. */
  searched: number[]
  /** Listed by SEARCH, never sent by FETCH. */
  withheld: Set<number>
  /** Listed by SEARCH, and their size and date are not told. */
  unlisted: Set<number>
  /** While false, IDLE is a promise that is not kept: nothing is told. */
  tells: boolean
  /** While true, what is appended is taken and not shown: the server is deaf. */
  hidesAppended: boolean
  /** What IDLE is answered with in place of waiting, all lines at once. */
  idle: ((tag: string) => string[]) | undefined
  /** Sent as NIL, as servers do for a mail that somebody else just removed. */
  nil: Set<number>
  /** RFC822.SIZE that it claims, by UID. */
  claimedSizes: Map<number, number>
  /** What is sent as the whole of a mail in place of its source, by UID. */
  sentBodies: Map<number, Buffer>
  /** INTERNALDATE of all mails, as it stands on the wire. */
  internalDate: string
  /** How the bytes of a mail are sent; default: a literal. */
  form: 'literal' | 'literal8' | 'quoted' | 'nil'
  /** Untagged lines, without `* `, that it sends between the mails of a FETCH and before the end of every command. */
  chatter: string[]
}

export interface ScriptedServer extends AsyncDisposable {
  script: Script
  destination: Destination
  /** Every command that was received, without its tag; secrets of LOGIN as they came. */
  commands: string[]
  connections(): number
  /** The most that there were at once. */
  maxConnections(): number
  /** Connections that there ever were. */
  accepted(): number
  /** Connections in IDLE. */
  idling(): number
  /** A mail arrives: whoever is in IDLE is told. */
  deliver(source: Buffer): void
  /** Breaks all connections. */
  drop(): void
}

export const capabilities = ['IMAP4rev1', 'UIDPLUS', 'MOVE']

export async function startScriptedServer(script: Partial<Script> = {}): Promise<ScriptedServer> {
  const full: Script = {
    mails: [],
    others: {},
    uidValidity: 1,
    uidNext: undefined,
    capabilities,
    greeting: undefined,
    login: 'OK done',
    refuse: {},
    refuseMails: new Map(),
    refuseBatches: new Map(),
    instead: {},
    hangAt: new Set(),
    byeAt: new Set(),
    dropAt: new Set(),
    searched: [],
    withheld: new Set(),
    unlisted: new Set(),
    tells: true,
    idle: undefined,
    nil: new Set(),
    claimedSizes: new Map(),
    sentBodies: new Map(),
    internalDate: '"24-Nov-2026 10:00:00 +0000"',
    form: 'literal',
    hidesAppended: false,
    chatter: [],
    ...script,
  }
  const commands: string[] = []
  const sockets = new Set<Socket>()
  const idling = new Map<Socket, string>()
  let [accepted, most] = [0, 0]
  const deliver = (source: Buffer): void => {
    const uid = Math.max(0, ...full.mails.map(mail => mail.uid)) + 1
    full.mails.push({ uid, source })
    if (full.tells) for (const socket of idling.keys()) socket.write(`* ${full.mails.length} EXISTS\r\n`)
  }
  const server = createServer(socket => {
    accepted += 1
    sockets.add(socket)
    most = Math.max(most, sockets.size)
    socket.on('close', () => {
      sockets.delete(socket)
      idling.delete(socket)
    })
    socket.on('error', () => {})
    const greeting = full.greeting ?? `OK [CAPABILITY ${full.capabilities.join(' ')}] ready`
    if (greeting.startsWith('BYE')) return void socket.end(`* ${greeting}\r\n`)
    socket.write(`* ${greeting}\r\n`)
    const session: Session = { socket, script: full, mails: full.mails }
    let rest = ''
    socket.on('data', data => {
      rest += data.toString('utf8')
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end)
        const [, bytes, now] = /^\S+ APPEND .*\{(\d+)(\+?)\}$/.exec(line) ?? []
        if (bytes !== undefined) {
          const whole = end + 2 + Number(bytes)
          if (rest.length === end + 2 && now === '') socket.write('+ go on\r\n')
          // The mail itself, which is ASCII here, and the end of the line.
          if (rest.length < whole + 2) return
          if (!full.hidesAppended) deliver(Buffer.from(rest.slice(end + 2, whole)))
          rest = rest.slice(whole + 2)
          commands.push('APPEND')
          socket.write(`${line.split(' ', 1)} OK appended\r\n`)
          continue
        }
        rest = rest.slice(end + 2)
        commands.push(line.replace(/^\S+ /, ''))
        const [, tag, command] = /^(\S+) (\S+)/.exec(line) ?? []
        if (line === 'DONE') {
          socket.write(`${idling.get(socket)} OK done\r\n`)
          idling.delete(socket)
        } else if (tag !== undefined && command === 'IDLE' && !full.byeAt.has('IDLE')) {
          if (full.idle === undefined) idling.set(socket, tag)
          socket.write((full.idle?.(tag) ?? ['+ idling']).map(text => `${text}\r\n`).join(''))
        } else answer(session, line)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    script: full,
    commands,
    connections: () => sockets.size,
    maxConnections: () => most,
    accepted: () => accepted,
    idling: () => idling.size,
    deliver,
    drop() {
      for (const socket of sockets) socket.destroy()
    },
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

interface Session {
  socket: Socket
  script: Script
  /** Those of the selected mailbox. */
  mails: readonly ScriptedMail[]
}

function answer(session: Session, line: string): void {
  const { socket, script } = session
  const [, tag = '*', command = '', rest = ''] = /^(\S+) ((?:UID )?\S+) ?(.*)$/i.exec(line) ?? []
  const name = command.toUpperCase()
  const say = (...lines: string[]) => socket.write(lines.map(text => `${text}\r\n`).join(''))
  if (script.hangAt.has(name)) return
  const instead = script.instead[name]
  if (instead !== undefined) return void Readable.from(instead(tag, rest)).pipe(socket, { end: false })
  const refusal = script.byeAt.has(name) ? 'BYE going down' : script.refuse[name]
  if (refusal?.startsWith('BYE')) return void socket.end(`* ${refusal}\r\n`)
  if (refusal !== undefined) return void say(`${tag} ${refusal}`)
  if (name === 'LOGIN') {
    const text = typeof script.login === 'string' ? script.login : script.login(rest)
    if (text !== 'hang') say(`${tag} ${text}`)
    return
  }
  if (name === 'CAPABILITY') say(`* CAPABILITY ${script.capabilities.join(' ')}`)
  if (name === 'NAMESPACE') say('* NAMESPACE (("" "/")) NIL NIL')
  if (name === 'LIST' || name === 'LSUB') for (const box of listed(script, rest)) say(`* ${name} () "/" "${box}"`)
  if (name === 'STATUS' || name === 'SELECT' || name === 'EXAMINE') {
    const box = mailboxIn(script, rest)
    if (box === undefined) return void say(`${tag} NO [NONEXISTENT] no such mailbox`)
    say(...(name === 'STATUS' ? statusOf(script, box) : open(session, box.mails)))
  }
  if (name === 'UID SEARCH') {
    const named = [...session.mails, ...script.searched.map(uid => ({ uid, source: Buffer.alloc(0) }))]
    say(['* SEARCH', ...pick(named, rest).map(mail => mail.uid)].join(' '))
  }
  const last = session.mails[Number(/^\d+/.exec(rest)?.[0]) - 1]
  if (name === 'FETCH' && last !== undefined) say(`* ${session.mails.indexOf(last) + 1} FETCH (UID ${last.uid})`)
  const end = name === 'UID FETCH' ? fetch(session, rest) : 'OK done'
  if (end === undefined) return
  if (name === 'LOGOUT') say('* BYE bye')
  else say(...script.chatter.map(text => `* ${text}`))
  say(`${tag} ${end}`)
  if (name === 'LOGOUT') socket.end()
}

interface Box {
  name: string
  mails: readonly ScriptedMail[]
}

function boxesOf({ mails, others }: Script): Box[] {
  return [{ name: 'INBOX', mails }, ...Object.entries(others).map(([name, found]) => ({ name, mails: found }))]
}

/** The mailbox that stands first in what follows a command. */
function mailboxIn(script: Script, rest: string): Box | undefined {
  const name = /^"([^"]*)"|^(\S+)/.exec(rest)?.slice(1).find(Boolean)
  return boxesOf(script).find(box => box.name === name)
}

function listed(script: Script, rest: string): string[] {
  const wanted = / "?([^"]*)"?$/.exec(rest)?.[1] ?? '*'
  return boxesOf(script)
    .map(box => box.name)
    .filter(name => wanted === '*' || name === wanted)
}

function uidNextOf({ uidNext }: Script, mails: readonly ScriptedMail[]): number | null {
  return uidNext === undefined ? Math.max(0, ...mails.map(mail => mail.uid)) + 1 : uidNext
}

function statusOf(script: Script, { name, mails }: Box): string[] {
  const uidNext = uidNextOf(script, mails)
  const told = uidNext === null ? '' : `UIDNEXT ${uidNext} `
  return [`* STATUS "${name}" (MESSAGES ${mails.length} ${told}UIDVALIDITY ${script.uidValidity})`]
}

function open(session: Session, mails: readonly ScriptedMail[]): string[] {
  session.mails = mails
  const uidNext = uidNextOf(session.script, mails)
  return [
    '* FLAGS (\\Seen \\Deleted)',
    '* OK [PERMANENTFLAGS (\\Seen \\Deleted)] ok',
    `* ${mails.length} EXISTS`,
    `* OK [UIDVALIDITY ${session.script.uidValidity}] ok`,
    ...(uidNext === null ? [] : [`* OK [UIDNEXT ${uidNext}] ok`]),
  ]
}

/** The tagged answer; undefined if the line was dropped. */
function fetch({ socket, script, mails }: Session, rest: string): string | undefined {
  const [set = '', items = ''] = rest.split(/ (.*)/s)
  const whole = /BODY\.PEEK\[\]/.test(items)
  const header = /HEADER/.test(items)
  const bad = pick(mails, `UID ${set}`).find(({ uid }) => script.refuseBatches.has(uid))
  if (bad !== undefined && (whole || header)) return script.refuseBatches.get(bad.uid)
  for (const [i, mail] of mails.entries()) {
    if (!pick([mail], `UID ${set}`).includes(mail) && !(set.endsWith(':*') && i === mails.length - 1)) continue
    const refused = script.refuseMails.get(mail.uid)
    if (refused !== undefined && (whole || header)) return refused
    if (script.withheld.has(mail.uid) && (whole || header)) continue
    if (script.unlisted.has(mail.uid) && !whole && !header) continue
    const size = script.claimedSizes.get(mail.uid) ?? mail.source.length
    const head = `* ${i + 1} FETCH (UID ${mail.uid} RFC822.SIZE ${size} INTERNALDATE ${script.internalDate}`
    const bytes = whole ? (script.sentBodies.get(mail.uid) ?? mail.source) : header ? headerOf(mail.source) : undefined
    if (bytes === undefined) socket.write(`${head})\r\n`)
    else if (script.dropAt.has(mail.uid)) {
      socket.write(`${head} BODY[] {${bytes.length}}\r\n`)
      socket.end(bytes.subarray(0, Math.floor(bytes.length / 2)))
      return undefined
    } else {
      socket.write(`${head} ${whole ? 'BODY[]' : 'BODY[HEADER]'} `)
      socket.write(toWire(bytes, script.nil.has(mail.uid) ? 'nil' : script.form))
      socket.write(')\r\n')
    }
    for (const text of script.chatter) socket.write(`* ${text}\r\n`)
  }
  return 'OK done'
}

function toWire(bytes: Buffer, form: Script['form']): Buffer {
  if (form === 'nil') return Buffer.from('NIL')
  if (form === 'quoted') return Buffer.from(`"${bytes.toString('latin1').replace(/["\\]/g, '\\$&')}"`, 'latin1')
  return Buffer.concat([Buffer.from(`${form === 'literal8' ? '~' : ''}{${bytes.length}}\r\n`), bytes])
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
