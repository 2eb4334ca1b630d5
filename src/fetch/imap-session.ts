// A logged-in connection, on imapflow. Certificates are always checked, STARTTLS is demanded where it is chosen, every step has a
// time limit, and what imapflow answers with `false` is an error here. The password or token is dropped from the library's options as soon
// as the login is through.
import { ImapFlow, type ImapFlowOptions } from 'imapflow'
import { AccountError, type IngestError } from '../errors.ts'
import { idleLimitMs } from './idle-limits.ts'
import { toAccountError } from './imap-errors.ts'
import { openMailbox } from './imap-mailbox.ts'
import type { Destination, ImapSession, Login, MailboxState } from './mailbox.ts'
import { createWatch, isSame, type Watch } from './watch.ts'

export interface SessionOptions {
  /** Ends a connection attempt, and the session's commands, at once. */
  signal?: AbortSignal
  /** Silence for so long in an answer breaks the connection; default 60 s. */
  timeoutMs?: number
  /** A literal that is longer breaks the connection: a bound on what a lying server can make us hold. */
  maxLiteralBytes?: number
}

/** What every command of a session goes through. */
export interface Wire {
  client: ImapFlow
  accountId: number
  /** A connection that is silent for so long counts as broken. */
  silenceMs: number
  /** Runs a command; its failure becomes an AccountError. `during` names it. */
  run<T>(during: string, command: () => Promise<T>): Promise<T>
  /** Turns a failure, knowing what the socket said and whether we closed it ourselves. */
  toError(error: unknown, during: string): unknown
  /** What a command was refused with, where the library only answers `false`. */
  refusal(during: string): unknown
  watch: Watch
}

const connectMs = 15_000
const greetingMs = 10_000
const defaultTimeoutMs = 60_000

/** Connects and logs in; a bare buffer is a password. Throws AccountError; the signal's reason if it was aborted. */
export async function openSession(
  account: { id: number },
  destination: Destination,
  login: Buffer | Login,
  options: SessionOptions = {},
): Promise<ImapSession> {
  options.signal?.throwIfAborted()
  const notes: Notes = { broken: undefined, refused: undefined, throttled: undefined, close: () => client.close() }
  const client: ImapFlow = new ImapFlow(toOptions(destination, login, options, notes))
  client.on('error', error => {
    notes.broken ??= error
  })
  const wire = createWire(client, account.id, options, notes)
  const close = () => client.close()
  options.signal?.addEventListener('abort', close, { once: true })
  try {
    await wire.run('login', () => client.connect())
  } catch (error) {
    client.close()
    throw error
  } finally {
    options.signal?.removeEventListener('abort', close)
    forgetLogin(client)
  }
  return createSession(wire)
}

interface Notes {
  /** What the socket failed with; the commands that wait only learn that there is no connection. */
  broken: unknown
  /** What the server refused last. */
  refused: unknown
  /** What the server asked us to wait with. */
  throttled: unknown
  close(): void
}

function toOptions(
  destination: Destination,
  login: Buffer | Login,
  options: SessionOptions,
  notes: Notes,
): ImapFlowOptions {
  const { host, port, security, username, caPem } = destination
  return {
    host,
    port,
    secure: security === 'tls',
    ...(security === 'tls' ? {} : { doSTARTTLS: security === 'starttls' }),
    auth: { user: username, ...toAuth(login) },
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2', ...(caPem === null ? {} : { ca: caPem }) },
    logger: createLogger(notes),
    clientInfo: { name: 'letterlock' },
    connectionTimeout: Math.min(connectMs, options.timeoutMs ?? connectMs),
    greetingTimeout: Math.min(greetingMs, options.timeoutMs ?? greetingMs),
    socketTimeout: options.timeoutMs ?? defaultTimeoutMs,
    ...(options.maxLiteralBytes === undefined
      ? {}
      : { maxLiteralSize: options.maxLiteralBytes, maxResponseSize: options.maxLiteralBytes * 2 }),
    disableAutoIdle: true,
    maxIdleTime: idleLimitMs(host),
    disableAutoEnable: true,
    disableBinary: true,
    disableCompression: true,
    disableIMAP4rev2: true,
  }
}

/** With a token the library takes OAUTHBEARER (RFC 7628) where the server has it, else XOAUTH2. */
function toAuth(login: Buffer | Login): { pass: string } | { accessToken: string } {
  if (Buffer.isBuffer(login)) return { pass: login.toString('utf8') }
  const text = login.value.toString('utf8')
  return login.kind === 'token' ? { accessToken: text } : { pass: text }
}

/**
 * Nothing of the protocol is logged; a refusal that the library swallows is noted. Told to wait, the library would sit it out for
 * up to half a minute and ask again: the connection is closed instead, and the account comes back when the server said.
 */
function createLogger(notes: Notes) {
  const note = (entry: { err?: unknown }) => {
    if (entry?.err === undefined) return
    notes.refused = entry.err
    if ((entry.err as { code?: string }).code !== 'ETHROTTLE') return
    notes.throttled = entry.err
    setImmediate(notes.close)
  }
  return { trace() {}, debug() {}, info() {}, warn: note, error: note }
}

/** The strings themselves cannot be wiped; nothing refers to them any more. */
function forgetLogin(client: ImapFlow): void {
  const { options } = client as unknown as { options: { auth?: object } }
  delete options.auth
}

function createWire(client: ImapFlow, accountId: number, options: SessionOptions, notes: Notes): Wire {
  const toError = (error: unknown, during: string): unknown => {
    if (options.signal?.aborted) return options.signal.reason
    const generic = (error as { code?: string } | undefined)?.code === 'NoConnection'
    const cause = notes.throttled ?? (generic ? notes.broken : undefined)
    return toAccountError(cause ?? error, accountId, during)
  }
  const examine = async (name: string): Promise<MailboxState> => (await openMailbox(wire, name, 'read-only')).state
  const wire: Wire = {
    client,
    accountId,
    silenceMs: options.timeoutMs ?? defaultTimeoutMs,
    toError,
    watch: createWatch(client, examine),
    async run(during, command) {
      notes.refused = undefined
      try {
        const answer = await command()
        // The library answers with nothing where the connection ended before it could ask.
        if (!answer && isOver(client)) throw connectionEnded(client)
        return answer
      } catch (error) {
        throw toError(error, during)
      }
    },
    refusal(during) {
      return toError(notes.refused ?? { responseStatus: 'NO' }, during)
    },
  }
  return wire
}

/** Also after BYE, when the socket is still there. */
function isOver({ usable, state, states }: ImapFlow): boolean {
  return !usable || state === states.LOGOUT
}

/** As the library itself says it, with what the server said last. */
function connectionEnded({ byeReason }: ImapFlow): { code: string; reason?: string } {
  return { code: 'NoConnection', ...(byeReason === undefined ? {} : { reason: byeReason }) }
}

function createSession(wire: Wire): ImapSession {
  const { client, watch } = wire
  const closed = new Promise<void>(resolve => (client.usable ? client.once('close', resolve) : resolve()))
  return {
    closed,
    get usable() {
      return client.usable
    },
    capabilities: new Set([...client.capabilities.keys()].map(name => name.toUpperCase())),
    async isAlive() {
      await watch.end()
      if (!client.usable) return false
      await client.noop().catch(() => {})
      return client.usable
    },
    status: name => status(wire, name),
    select: (name, access) => openMailbox(wire, name, access),
    watch: (names, news) => watch.begin(names, news),
    async mailboxes() {
      const listed = await wire.run('LIST', () => client.list())
      return listed.filter(entry => !isContainer(entry.flags)).map(entry => entry.path)
    },
    close: () => client.close(),
    async [Symbol.asyncDispose]() {
      if (client.usable) await client.logout().catch(() => {})
      client.close()
    },
  }
}

/** \Noselect and \NonExistent mark names that hold other mailboxes and no mail. */
function isContainer(flags: ReadonlySet<string>): boolean {
  return [...flags].some(flag => /^\\(noselect|nonexistent)$/i.test(flag))
}

/**
 * Of the selected mailbox STATUS tells what the session knows already (RFC 9051 §6.3.11), on Dovecot also when the mailbox was made anew
 * meanwhile: that one is opened again.
 */
async function status(wire: Wire, name: string): Promise<MailboxState> {
  const { mailbox } = wire.client
  if (mailbox && isSame(mailbox.path, name)) return (await openMailbox(wire, name, 'read-only')).state
  const query = { messages: true, uidNext: true, uidValidity: true }
  const found = (await wire.run('STATUS', () => wire.client.status(name, query))) as
    | { messages?: number; uidNext?: number; uidValidity?: bigint }
    | false
  if (found === false) throw wire.refusal('STATUS')
  const state = toState(wire, { exists: found.messages, uidNext: found.uidNext, uidValidity: found.uidValidity })
  wire.watch.note(name, state)
  return state
}

/** Throws where the server gives no UIDVALIDITY: nothing could be remembered of its mail. */
export function toState(
  wire: Pick<Wire, 'accountId'>,
  found: { exists?: number | undefined; uidNext?: number | undefined; uidValidity?: bigint | undefined },
): MailboxState {
  if (found.uidValidity === undefined) throw withoutUidValidity(wire.accountId)
  return {
    uidValidity: Number(found.uidValidity),
    uidNext: found.uidNext === undefined || found.uidNext === 0 ? null : found.uidNext,
    messages: found.exists ?? 0,
  }
}

function withoutUidValidity(accountId: number): IngestError {
  return new AccountError('imap.refused', `account ${accountId}: the server gives the mailbox no UIDVALIDITY`, {
    temporary: true,
    hint: 'such a mailbox cannot be read safely; ask who runs the mail server',
  })
}
