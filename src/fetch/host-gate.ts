// Before any connection: how many a server host is to bear, and whether it is there at all. At most so many connections to one host, a
// few of them being opened at a time; a host that does not answer is asked again by one account for all of its accounts, later and later.
// What a server refuses for having too many of them lowers its number for a while. One account's own trouble is none of the host's.
import { AccountError } from '../errors/errors.ts'

export interface HostGate {
  /** Opens a connection when there is room for it. Throws AccountError without any attempt while the host is known not to answer. */
  connect<T extends { closed: Promise<void> }>(
    account: { id: number },
    destination: { host: string; port: number },
    signal: AbortSignal,
    open: () => Promise<T>,
  ): Promise<T>
  /** True if there is room for connections that are merely kept: a fifth is left for polls. */
  mayKeep(destination: { host: string; port: number }): boolean
  /** Open connections to all hosts. */
  open(): number
}

export interface HostGateOptions {
  /** To one host. */
  connections: number
  /** Being opened at a time. */
  opening?: number
  /** A connection that does not find room for so long is given up. */
  waitMs?: number
  random?: () => number
}

interface Waiting {
  /** The place is this one's now. */
  enter(): void
  refuse(error: unknown): void
  accountId: number
}

interface Host {
  limit: number
  open: number
  opening: number
  waiting: Waiting[]
  failures: number
  /** No attempt before then (performance.now). */
  closedUntil: number
  last: AccountError | undefined
}

const defaultOpening = 8
const defaultWaitMs = 30_000
const firstRestMs = 2_000
const longestRestMs = 60_000
/** For so long a host keeps the number that it asked for. */
const lowerForMs = 15 * 60_000

/** Failures that every account of the host shares. */
const ofHost: ReadonlySet<string> = new Set([
  'imap.connection_refused',
  'imap.host_not_found',
  'imap.host_unreachable',
  'imap.timeout',
])

export function createHostGate(options: HostGateOptions): HostGate {
  const { connections, opening = defaultOpening, waitMs = defaultWaitMs, random = Math.random } = options
  const hosts = new Map<string, Host>()
  const hostOf = ({ host, port }: { host: string; port: number }): Host => {
    const key = `${host.toLowerCase()}:${port}`
    const found = hosts.get(key) ?? {
      limit: connections,
      open: 0,
      opening: 0,
      waiting: [],
      failures: 0,
      closedUntil: 0,
      last: undefined,
    }
    hosts.set(key, found)
    return found
  }
  const hasRoom = (host: Host): boolean =>
    host.open + host.opening < host.limit && host.opening < (host.failures > 0 ? 1 : opening)
  const wake = (host: Host): void => {
    while (hasRoom(host)) {
      const next = host.waiting.shift()
      if (next === undefined) return
      host.opening += 1
      next.enter()
    }
  }

  /** Why nobody knocks now, or undefined. */
  const refusal = (host: Host, accountId: number): AccountError | undefined => {
    const restMs = host.closedUntil - performance.now()
    if (restMs <= 0 || host.last === undefined) return undefined
    return host.last.again(restMs + random() * 5_000, accountId)
  }

  /** Resolves once one of the host's places is ours. */
  const enter = async (host: Host, accountId: number, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    const refused = refusal(host, accountId)
    if (refused !== undefined) throw refused
    if (host.waiting.length === 0 && hasRoom(host)) {
      host.opening += 1
      return
    }
    const tooLong = AbortSignal.timeout(waitMs)
    const either = AbortSignal.any([signal, tooLong])
    await new Promise<void>((resolve, reject) => {
      const end = (settle: () => void) => {
        either.removeEventListener('abort', leave)
        host.waiting = host.waiting.filter(other => other !== mine)
        settle()
      }
      const mine: Waiting = { accountId, enter: () => end(resolve), refuse: error => end(() => reject(error)) }
      const leave = () => mine.refuse(signal.aborted ? signal.reason : crowded(accountId))
      either.addEventListener('abort', leave, { once: true })
      host.waiting.push(mine)
    })
  }

  const rest = (host: Host, error: AccountError): AccountError => {
    host.failures += 1
    const whole = Math.min(longestRestMs, firstRestMs * 2 ** Math.min(host.failures - 1, 10))
    const restMs = whole * (0.5 + random() / 2)
    host.closedUntil = performance.now() + restMs
    host.last = error
    for (const waiting of host.waiting) waiting.refuse(refusal(host, waiting.accountId))
    return error.again(restMs + random() * 1_000)
  }

  const lower = (host: Host): void => {
    host.limit = Math.max(1, Math.min(host.limit, host.open))
    setTimeout(() => {
      host.limit = connections
      wake(host)
    }, lowerForMs).unref()
  }

  return {
    async connect(account, destination, signal, open) {
      const host = hostOf(destination)
      await enter(host, account.id, signal)
      try {
        const session = await open()
        host.open += 1
        host.failures = 0
        void session.closed.then(() => {
          host.open -= 1
          wake(host)
        })
        return session
      } catch (error) {
        if (!(error instanceof AccountError)) throw error
        if (ofHost.has(error.code)) throw rest(host, error)
        // It answered, whatever it said.
        host.failures = 0
        if (error.code === 'imap.throttled' && host.open > 0 && !isOfUser(error)) lower(host)
        throw error
      } finally {
        host.opening -= 1
        wake(host)
      }
    },
    mayKeep(destination) {
      const host = hostOf(destination)
      return host.open <= Math.max(1, Math.floor(host.limit * 0.8))
    },
    open: () => [...hosts.values()].reduce((sum, host) => sum + host.open, 0),
  }
}

/** Refused at the login: it is this user who has too many, and others may have theirs. */
function isOfUser(error: AccountError): boolean {
  return (error.cause as { authenticationFailed?: boolean } | undefined)?.authenticationFailed === true
}

function crowded(accountId: number): AccountError {
  return new AccountError('imap.host_crowded', { account: accountId }, { temporary: true })
}
