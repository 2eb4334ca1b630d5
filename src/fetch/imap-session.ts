// A logged-in connection, on imapflow. Certificates are always checked, STARTTLS is demanded where it is chosen, every command has a
// time limit (against silence, and against a server that talks and never comes to an end) and a bound on its answer (answer-bounds.ts), and
// what imapflow answers with `false` is an error here. The password or token is dropped from the library's options as soon as the login is through.

import { TLSSocket } from 'node:tls'
import { ImapFlow, type ImapFlowOptions } from 'imapflow'
import { AccountError } from '../errors/errors.ts'
import type { Destination } from '../model/destination.ts'
import type { AfterIngest } from '../model/mail.ts'
import { toServerWords } from '../server-words.ts'
import { version } from '../version.ts'
import { boundAnswers, maxTokens } from './answer-bounds.ts'
import { idleLimitMs } from './idle-limits.ts'
import { answerOf, type Failure, toAccountError } from './imap-errors.ts'
import { openMailbox } from './imap-mailbox.ts'
import type { ImapSession, Login, MailboxState } from './mailbox.ts'
import { type Namespaces, wholeNames } from './namespaces.ts'
import { trustOf } from './secure-context.ts'
import { type Trace, traceSession } from './trace-session.ts'
import { createWatch, isSame } from './watch.ts'
import { toState, type Wire } from './wire.ts'
import { completeForms } from './wire-forms.ts'

export interface SessionOptions {
  /** Ends a connection attempt, and the session's commands, at once. */
  signal?: AbortSignal
  /** Silence for so long, also before the greeting, breaks the connection, and so does a command that takes twice as long; default 60 s. */
  timeoutMs?: number
  /** A literal that is longer breaks the connection: a bound on what a lying server can make us hold. */
  maxLiteralBytes?: number
  /** Is told every line, as it may be shown. */
  trace?: Trace
}

const connectMs = 15_000
const defaultTimeoutMs = 60_000
/** So long LOGOUT may take. */
const farewellMs = 5_000
const defaultMaxLiteralBytes = 2 ** 30
/** A mail that comes more slowly does not come. */
const leastBytesPerSecond = 1024

/** Connects and logs in; a bare buffer is a password. Throws AccountError; the signal's reason if it was aborted. */
export async function openSession(
  account: { id: number },
  destination: Destination,
  login: Buffer | Login,
  options: SessionOptions = {},
): Promise<ImapSession> {
  options.signal?.throwIfAborted()
  const notes: Notes = {
    ...{ broken: undefined, refused: undefined, throttled: undefined, expired: undefined },
    close: () => client.close(),
  }
  const client: ImapFlow = new ImapFlow(toOptions(destination, login, options, notes))
  client.on('error', error => {
    notes.broken ??= error
  })
  completeForms(client)
  const wire = createWire(client, account.id, options, notes)
  checkGreeting(client)
  if (options.trace !== undefined) traceSession(client, options.trace, Buffer.isBuffer(login) ? login : login.value)
  const close = () => client.close()
  options.signal?.addEventListener('abort', close, { once: true })
  try {
    await wire.run('login', () => client.connect().catch(error => Promise.reject(withRefusal(error, notes))))
  } catch (error) {
    client.close()
    if (error instanceof AccountError) error.said = saidAtLogin(error.cause, login)
    throw error
  } finally {
    options.signal?.removeEventListener('abort', close)
    forgetLogin(client)
  }
  return createSession(wire)
}

/** What is used of imapflow beyond its published types. */
interface Inside {
  handleResponse(answer: { payload: Buffer }): Promise<boolean>
  rejectCurrentRequest(error: unknown): void
  failProtocol(error: unknown): void
}

/** A first line that is no greeting of IMAP ends the attempt at once; the library would wait for another one. */
function checkGreeting(client: ImapFlow): void {
  const inside = client as unknown as Inside
  const handle = inside.handleResponse.bind(client)
  let isFirst = true
  inside.handleResponse = async answer => {
    if (!isFirst) return await handle(answer)
    isFirst = false
    const [, status] = /^\0*\* (OK|PREAUTH|BYE|NO|BAD)\b/i.exec(answer.payload.toString('latin1', 0, 64)) ?? []
    const refused = status === undefined || /^(NO|BAD)$/i.test(status)
    if (!refused) return await handle(answer)
    const said = status === undefined ? {} : { responseStatus: status.toUpperCase() }
    const error = Object.assign(new Error('no greeting'), { code: 'BadGreeting', ...said })
    inside.rejectCurrentRequest(error)
    inside.failProtocol(error)
    return false
  }
}

/** The library says the same of a server that offers no STARTTLS and of one that refuses it. */
function withRefusal(error: unknown, { refused }: Notes): unknown {
  const status = (refused as { responseStatus?: string } | undefined)?.responseStatus
  if (error instanceof Error && /not support STARTTLS/.test(error.message) && status !== undefined)
    Object.assign(error, { starttlsRefused: true })
  return error
}

/** Only here is the secret at hand without which nobody can tell whether the server's words may be shown. */
function saidAtLogin(cause: unknown, login: Buffer | Login): string | undefined {
  const secret = Buffer.isBuffer(login) ? login : login.value
  const words = answerOf((cause ?? {}) as Failure)
  return words === undefined ? undefined : toServerWords(words, secret.toString('utf8'))
}

interface Notes {
  /** What the socket failed with; the commands that wait only learn that there is no connection. */
  broken: unknown
  /** What the server refused last. */
  refused: unknown
  /** What the server asked us to wait with. */
  throttled: unknown
  /** Set when we gave up waiting, with the step that did not come to its end. */
  expired: { code: string; during: string } | undefined
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
    tls: { rejectUnauthorized: true, ...trustOf(caPem) },
    logger: createLogger(notes),
    clientInfo: { name: 'Letterlock', version, vendor: 'Letterlock', 'support-url': '' },
    connectionTimeout: Math.min(connectMs, options.timeoutMs ?? connectMs),
    greetingTimeout: options.timeoutMs ?? defaultTimeoutMs,
    socketTimeout: options.timeoutMs ?? defaultTimeoutMs,
    maxResponseTokens: maxTokens,
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
    // What fails TLS is thrown as well; noted here it would hide what the server answered to STARTTLS.
    if (entry?.err === undefined || (entry.err as { tlsFailed?: boolean }).tlsFailed) return
    notes.refused = entry.err
    if ((entry.err as { code?: string }).code !== 'ETHROTTLE') return
    notes.throttled = entry.err
    setImmediate(notes.close)
  }
  // Asked before an answer is written out for the log: nobody would read it.
  const isLevelEnabled = (level: string): boolean => level === 'warn' || level === 'error'
  return { trace() {}, debug() {}, info() {}, warn: note, error: note, isLevelEnabled }
}

/** The strings themselves cannot be wiped; nothing refers to them any more. */
function forgetLogin(client: ImapFlow): void {
  const { options } = client as unknown as { options: { auth?: object } }
  delete options.auth
}

function createWire(client: ImapFlow, accountId: number, options: SessionOptions, notes: Notes): Wire {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  const answers = boundAnswers(client)
  const toError = (error: unknown, during: string): unknown => {
    if (options.signal?.aborted) return options.signal.reason
    const generic = (error as { code?: string } | undefined)?.code === 'NoConnection'
    const cause = notes.throttled ?? notes.expired ?? (generic ? notes.broken : undefined)
    const step = cause === undefined || cause !== notes.expired ? during : notes.expired.during
    return toAccountError(cause ?? error, accountId, step)
  }
  const expire = (during: string): void => {
    notes.expired ??= Object.assign(new Error('no end in time'), { code: 'ETIMEDOUT', during })
    client.close()
  }
  const examine = async (name: string): Promise<MailboxState> => (await openMailbox(wire, name, 'read-only')).state
  const wire: Wire = {
    client,
    accountId,
    silenceMs: options.timeoutMs ?? defaultTimeoutMs,
    toError,
    answers,
    maxLiteralBytes: options.maxLiteralBytes ?? defaultMaxLiteralBytes,
    watch: createWatch(client, { examine, run: (during, command) => wire.run(during, command) }),
    async run(during, command, bounds) {
      notes.refused = undefined
      answers.expect(bounds)
      const timer = setTimeout(
        () => expire(during),
        (during === 'login' ? Math.min(connectMs, timeoutMs) : 0) + 2 * timeoutMs,
      )
      try {
        const answer = await command()
        // The library answers with nothing where the connection ended before it could ask.
        if (!answer && isOver(client)) throw connectionEnded(client)
        return answer
      } catch (error) {
        throw toError(error, during)
      } finally {
        clearTimeout(timer)
        answers.rest()
      }
    },
    expectMail(bounds) {
      answers.expect(bounds)
      const least = (leastBytesPerSecond * timeoutMs) / 1000
      let bytes = answers.literalBytes()
      const look = (): void => {
        if (!expected.isHeld && !expected.hasCome && answers.literalBytes() - bytes < least) expire('FETCH')
        expected.hasCome = expected.isHeld
        // It falls where what had been read ahead were lines: those are no progress when they come again.
        bytes = Math.max(bytes, answers.literalBytes())
      }
      const timer = setInterval(look, timeoutMs)
      const expected = {
        isHeld: false,
        hasCome: false,
        [Symbol.dispose]() {
          clearInterval(timer)
          answers.rest()
        },
      }
      return expected
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
  const whole = takeNamespaces(client)
  const closed = new Promise<void>(resolve => (client.usable ? client.once('close', resolve) : resolve()))
  return {
    closed,
    get usable() {
      return client.usable
    },
    certificateUntil: certificateEnd(client),
    capabilities: new Set([...client.capabilities.keys()].map(name => name.toUpperCase())),
    async isAlive() {
      await watch.end()
      if (!client.usable) return false
      await wire.run('NOOP', () => client.noop()).catch(() => {})
      return client.usable
    },
    status: name => status(wire, whole(name)),
    async select(name, access) {
      const mailbox = await openMailbox(wire, whole(name), access)
      return { ...mailbox, name, settle: (uids, action) => mailbox.settle(uids, toWhole(action, whole)) }
    },
    async append(name, mail) {
      const done = await wire.run('APPEND', () => client.append(whole(name), mail, ['\\Seen']))
      if (!done) throw wire.refusal('APPEND')
    },
    watch(names, news) {
      wire.answers.rest()
      return watch.begin(names.map(whole), news)
    },
    async mailboxes() {
      const listed = await wire.run('LIST', () => client.list())
      return listed.filter(entry => !isContainer(entry.flags)).map(entry => entry.path)
    },
    close: () => client.close(),
    async [Symbol.asyncDispose]() {
      const hurry = setTimeout(() => client.close(), farewellMs)
      if (client.usable) await client.logout().catch(() => {})
      clearTimeout(hurry)
      client.close()
    },
  }
}

function certificateEnd(client: ImapFlow): Date | null {
  const { socket } = client as unknown as { socket: unknown }
  return socket instanceof TLSSocket ? (socket.getPeerX509Certificate()?.validToDate ?? null) : null
}

/** The library would put the prefix of the user's own namespace before names of all the others as well: from here on it puts none. */
function takeNamespaces(client: ImapFlow): (name: string) => string {
  const whole = wholeNames(client.namespaces as Namespaces | undefined)
  if (client.namespace) client.namespace = { ...client.namespace, prefix: '' }
  return whole
}

function toWhole(action: AfterIngest, whole: (name: string) => string): AfterIngest {
  return action.kind === 'move' ? { ...action, mailbox: whole(action.mailbox) } : action
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
    | { messages?: number; uidNext?: number; uidValidity?: bigint | false }
    | false
  if (found === false) throw wire.refusal('STATUS')
  const state = toState(wire, { exists: found.messages, uidNext: found.uidNext, uidValidity: found.uidValidity })
  wire.watch.note(name, state)
  return state
}
