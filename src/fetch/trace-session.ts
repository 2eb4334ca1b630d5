// Tells every line of a connection as it may be shown (redact-line.ts), for `account trace`. imapflow has no hook for this: what it sends
// and what it reads are wrapped. Its own log would show user names, strings and all that a server says.
import { createHmac, randomBytes } from 'node:crypto'
import iconv from 'iconv-lite'
import type { ImapFlow } from 'imapflow'
import { redactAnswer, redactCommand, type Shown } from './redact-line.ts'

export interface TraceLine {
  at: Date
  from: 'client' | 'server'
  line: string
}

export interface Trace {
  /** Mailboxes whose names may be shown: those that the account names. */
  names: readonly string[]
  line(line: TraceLine): void
}

/** What is used of imapflow beyond its published types. */
interface Inside {
  send(command: { tag: string }): Promise<void>
  write(chunk: string | Buffer): unknown
  handleResponse(answer: { payload: Buffer }): Promise<boolean>
}

/** More lines are not told: a server may talk without end. */
const maxLines = 2_000

/** To be called before the connection is opened, and after everything else that takes its lines: nothing is to pass unseen. */
export function traceSession(client: ImapFlow, { names, line }: Trace, secret: Buffer): void {
  const inside = client as unknown as Inside
  const [send, write, handle] = [inside.send, inside.write, inside.handleResponse].map(f => f.bind(client)) as [
    Inside['send'],
    Inside['write'],
    Inside['handleResponse'],
  ]
  const tags = new Set<string>()
  const shown: Shown = { tags, names: new Set(names.flatMap(wireForms)), isSecret: matcherOf(secret) }
  let lines = 0
  const tell = (from: TraceLine['from'], text: string): void => {
    lines += 1
    if (lines <= maxLines) line({ at: new Date(), from, line: text })
    if (lines === maxLines) line({ at: new Date(), from, line: '(further lines are not shown)' })
  }
  let isCommand = false
  inside.send = async command => {
    isCommand = true
    tags.add(command.tag)
    await send(command)
  }
  inside.write = chunk => {
    tell('client', isCommand ? redactCommand(chunk.toString('latin1'), shown) : '(continuation, hidden)')
    isCommand = false
    return write(chunk)
  }
  inside.handleResponse = async answer => {
    tell('server', redactAnswer(answer.payload.toString('latin1'), shown))
    return await handle(answer)
  }
}

/** A mailbox as UTF-8 and as UTF-7 (RFC 3501 §5.1.3), each as latin1, and behind the usual prefix of a personal namespace. */
function wireForms(name: string): string[] {
  const forms = [Buffer.from(name), iconv.encode(name, 'utf-7-imap')].map(bytes => bytes.toString('latin1'))
  return ['', 'INBOX.', 'INBOX/'].flatMap(prefix => forms.map(form => `${prefix}${form}`))
}

/** Keeps a keyed hash in place of the secret. */
function matcherOf(secret: Buffer): (text: string) => boolean {
  const key = randomBytes(32)
  const digestOf = (text: string | Buffer) => createHmac('sha256', key).update(text).digest('hex')
  const own = digestOf(secret)
  return text => digestOf(text) === own
}
