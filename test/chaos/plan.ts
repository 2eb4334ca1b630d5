// PURE. What goes wrong when: the same plan for the same seed. What a machine cannot do (mount, fake a clock) is planned all the same and left
// out when it is due, so that the rest does not change with the machine.

export const daemonNames = ['daemon a', 'daemon b'] as const
export const serverNames = ['mariadb', 'redis', 'dovecot'] as const
export const linkNames = ['mariadb', 'redis', 'dovecot'] as const

export type DaemonName = (typeof daemonNames)[number]
export type ServerName = (typeof serverNames)[number]
export type Victim = DaemonName | ServerName

export type Fault =
  /** SIGKILL; a daemon is started again after `downMs`, a server half a second later. */
  | { kind: 'kill'; victim: Victim; downMs: number }
  /** Redis is killed and comes back without what it held. */
  | { kind: 'kill and empty'; victim: 'redis' }
  | { kind: 'stop'; victim: Victim; forMs: number }
  | { kind: 'cut'; link: ServerName; forMs: number }
  /** In the middle of an answer or of a question; on the way to Dovecot in the middle of a mail. */
  | { kind: 'cut within'; link: ServerName; bytes: number; side: 'questions' | 'answers' }
  | { kind: 'delay'; link: ServerName; eachMs: number; forMs: number }
  | { kind: 'silence'; link: ServerName; forMs: number; end: 'go on' | 'break' }
  | { kind: 'full disk'; leftBytes: number; forMs: number }
  | { kind: 'flush' }
  | { kind: 'clock'; victim: DaemonName; bySeconds: number; forMs: number }
  /** `pick` chooses the mailbox. */
  | { kind: 'uid validity'; pick: number }
  /** It sleeps through its lease with mails in hand, and meanwhile their mailboxes get another UIDVALIDITY. */
  | { kind: 'sleeper'; victim: DaemonName; afterMs: number; forMs: number }

export type FaultKind = Fault['kind']

export interface Planned {
  atMs: number
  fault: Fault
}

/** Mean times between two of a kind, for machines that have little to do but this. */
const everyMs: Record<FaultKind, number> = {
  kill: 5_000,
  'kill and empty': 50_000,
  stop: 20_000,
  cut: 10_000,
  'cut within': 8_500,
  delay: 25_000,
  silence: 35_000,
  'full disk': 35_000,
  flush: 30_000,
  clock: 25_000,
  'uid validity': 15_000,
  sleeper: 15_000,
}

/** Nothing happens before everything has run once. */
const firstMs = 2_000

/** `random` in [0, 1). All faults of the time, in order; each kind with gaps around its mean. */
export function planFaults(random: () => number, durationMs: number): Planned[] {
  const planned: Planned[] = []
  for (const [kind, meanMs] of Object.entries(everyMs) as [FaultKind, number][]) {
    let atMs = firstMs + random() * Math.min(meanMs, durationMs / 2)
    while (atMs < durationMs) {
      planned.push({ atMs: Math.round(atMs), fault: faultOf(kind, random) })
      atMs += meanMs * (0.4 + 1.2 * random())
    }
  }
  return planned.sort((a, b) => a.atMs - b.atMs)
}

function faultOf(kind: FaultKind, random: () => number): Fault {
  const between = (from: number, to: number) => Math.round(from + random() * (to - from))
  const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const link = oneOf(linkNames)
  const victim = oneOf([...daemonNames, ...serverNames])
  switch (kind) {
    case 'kill':
      return { kind, victim, downMs: between(0, 1_500) }
    case 'kill and empty':
      return { kind, victim: 'redis' }
    case 'stop':
      return { kind, victim, forMs: random() < 0.6 ? between(200, 3_000) : between(6_000, 9_000) }
    case 'cut':
      return { kind, link, forMs: random() < 0.7 ? 0 : between(200, 3_000) }
    case 'cut within': {
      const side = random() < 0.75 ? 'answers' : 'questions'
      return { kind, link, side, bytes: Math.round(10 ** (1 + random() * 4.5)) }
    }
    case 'delay':
      return { kind, link, eachMs: between(5, 150), forMs: between(1_000, 5_000) }
    case 'silence':
      return { kind, link, forMs: between(1_000, 9_000), end: oneOf(['go on', 'break'] as const) }
    case 'full disk':
      return { kind, leftBytes: between(0, 300_000), forMs: between(1_000, 6_000) }
    case 'flush':
      return { kind }
    case 'clock': {
      const bySeconds = Math.round((random() < 0.5 ? 1 : -1) * 10 ** (1 + random() * 4))
      return { kind, victim: 'daemon b', bySeconds, forMs: between(1_000, 10_000) }
    }
    case 'uid validity':
      return { kind, pick: random() }
    case 'sleeper':
      return { kind, victim: oneOf(daemonNames), afterMs: between(0, 2_500), forMs: between(7_000, 11_000) }
  }
}
