// Carries out the plan. A victim that is down or stopped already is left alone: what is passed over is not counted.
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { until } from '../support/until.ts'
import type { ChaosDaemon } from './daemons.ts'
import type { OtherClients } from './other-clients.ts'
import type { Fault, FaultKind, Planned, Victim } from './plan.ts'
import type { Post } from './post.ts'
import type { ChaosAccount, Scene } from './scene.ts'

export interface FaultDeps {
  scene: Scene
  post: Post
  clients: OtherClients
  /** A line for each fault that happens. */
  tell(line: string): void
}

export interface FaultCounts {
  done: Record<FaultKind, number>
  /** Kills by victim. */
  kills: Record<string, number>
  /** Connections that were reset by a cut. */
  connections: number
  passedOver: number
}

/** Resolves when the last fault is over; nothing is down, stopped, cut or full then. */
export async function carryOut(plan: readonly Planned[], deps: FaultDeps): Promise<FaultCounts> {
  const counts: FaultCounts = { done: noneDone(), kills: {}, connections: 0, passedOver: 0 }
  const run: Run = { ...deps, counts, busy: new Set() }
  let startedAt = performance.now()
  const going: Promise<void>[] = []
  const breath = createBreath(deps.scene)
  for (const { atMs, fault } of plan) {
    await wait(Math.max(0, startedAt + atMs - performance.now()))
    if (isHard(fault)) startedAt += await breath()
    going.push(
      happen(run, fault, deps.tell).catch(error =>
        deps.tell(`${fault.kind} came to nothing: ${(error as Error).message}`),
      ),
    )
  }
  await Promise.all(going)
  for (const link of Object.values(deps.scene.servers.links)) link.mend()
  return counts
}

/** After these nothing comes in for a while. */
function isHard({ kind }: Fault): boolean {
  return kind === 'kill' || kind === 'kill and empty' || kind === 'stop' || kind === 'silence' || kind === 'sleeper'
}

const breathMs = 6_000

/**
 * Waits until a mail was taken in since the last time, but not for long; returns how long it was. Faults that come faster than anything can
 * begin prove nothing: so the plan's clock stands still on a machine that is slow.
 */
function createBreath({ db }: Scene): () => Promise<number> {
  const findLast = async () => Number((await db('sources').max({ id: 'id' }).first())?.id ?? 0)
  let last = 0
  return async () => {
    const since = performance.now()
    await until(async () => (await findLast().catch(() => 0)) > last, breathMs).catch(() => {})
    last = await findLast().catch(() => last)
    return performance.now() - since
  }
}

function noneDone(): Record<FaultKind, number> {
  return {
    kill: 0,
    'kill and empty': 0,
    stop: 0,
    cut: 0,
    'cut within': 0,
    delay: 0,
    silence: 0,
    'full disk': 0,
    flush: 0,
    clock: 0,
    'uid validity': 0,
    sleeper: 0,
  }
}

interface Run extends FaultDeps {
  counts: FaultCounts
  /** Victims that something is done to. */
  busy: Set<Victim | 'disk' | 'clock'>
}

async function happen(run: Run, fault: Fault, tell: (line: string) => void): Promise<void> {
  const { counts } = run
  const happened = await doFault(run, fault)
  if (!happened) {
    counts.passedOver += 1
    return
  }
  if (fault.kind !== 'cut within') counts.done[fault.kind] += 1
  if (fault.kind === 'kill' || fault.kind === 'kill and empty')
    counts.kills[fault.victim] = (counts.kills[fault.victim] ?? 0) + 1
  tell(JSON.stringify(fault))
}

/** False if it could not be done now. */
async function doFault(run: Run, fault: Fault): Promise<boolean> {
  const { scene, counts } = run
  const { links } = scene.servers
  switch (fault.kind) {
    case 'kill':
      return await during(run, fault.victim, () => kill(scene, fault.victim, fault.downMs))
    case 'kill and empty':
      return await during(run, fault.victim, () => scene.servers.kill('redis', { emptied: true }))
    case 'stop':
      return await during(run, fault.victim, () => stop(scene, fault.victim, fault.forMs))
    case 'cut':
      counts.connections += links[fault.link].cut(fault.forMs)
      return true
    case 'cut within': {
      const { bytes, side } = fault
      const blown = () => {
        counts.done['cut within'] += 1
        counts.connections += 1
      }
      links[fault.link].cutWithin({ bytes, side, bulk: fault.link === 'dovecot' && side === 'answers', blown })
      return true
    }
    case 'delay':
      links[fault.link].delay(fault.eachMs, fault.forMs)
      return true
    case 'silence':
      links[fault.link].silence(fault.forMs, fault.end)
      return true
    case 'full disk':
      return await during(run, 'disk', () => fillDisk(scene, fault.leftBytes, fault.forMs))
    case 'flush':
      return await during(run, 'redis', () => flush(scene))
    case 'clock':
      return await during(run, 'clock', () => setClock(scene, fault))
    case 'uid validity':
      return await resetAnyUidValidity(run, fault.pick)
    case 'sleeper':
      return await sleepThroughLease(run, fault)
  }
}

/** One thing at a time is done to a victim. What is done answers false where it cannot be. */
async function during(
  { busy }: Run,
  victim: Victim | 'disk' | 'clock',
  work: () => Promise<unknown>,
): Promise<boolean> {
  if (busy.has(victim)) return false
  busy.add(victim)
  try {
    return (await work()) !== false
  } finally {
    busy.delete(victim)
  }
}

function isDaemon(victim: Victim): victim is ChaosDaemon['name'] {
  return victim.startsWith('daemon')
}

function daemonOf({ daemons }: Scene, name: string): ChaosDaemon {
  return daemons.find(daemon => daemon.name === name) as ChaosDaemon
}

async function kill(scene: Scene, victim: Victim, downMs: number): Promise<void> {
  if (isDaemon(victim)) await daemonOf(scene, victim).kill(downMs)
  else await scene.servers.kill(victim)
}

async function stop(scene: Scene, victim: Victim, forMs: number): Promise<void> {
  const goOn = isDaemon(victim) ? daemonOf(scene, victim).stop() : scene.servers.stop(victim)
  await wait(forMs)
  goOn()
}

async function fillDisk({ disk }: Scene, leftBytes: number, forMs: number): Promise<boolean> {
  if (disk === undefined) return false
  disk.fill(leftBytes)
  await wait(forMs)
  disk.free()
  return true
}

async function flush({ servers }: Scene): Promise<void> {
  const connection = connect(servers.redisSocket)
  connection.end('FLUSHALL\r\n')
  await new Promise((resolve, reject) => connection.once('data', resolve).once('error', reject).once('close', resolve))
}

async function setClock(scene: Scene, fault: Fault & { kind: 'clock' }): Promise<boolean> {
  const daemon = daemonOf(scene, fault.victim)
  if (!daemon.setClock(fault.bySeconds)) return false
  await wait(fault.forMs)
  daemon.setClock(0)
  return true
}

/** The element at this share of the list. */
function at<T>(list: readonly T[], share: number): T {
  return list[Math.floor(share * list.length)] as T
}

const handsOffWithinMs = 20_000

async function resetAnyUidValidity(run: Run, pick: number): Promise<boolean> {
  const account = at(run.scene.accounts, pick)
  return await resetUidValidity(run, account, at(account.mailboxes, (pick * 7919) % 1))
}

/** Other clients act on UIDs, and Dovecot may hold its lock: nobody is at the mailbox when its UIDs change. */
async function resetUidValidity({ scene, clients }: Run, account: ChaosAccount, mailbox: string): Promise<boolean> {
  const folder = path.join(scene.directory, 'dovecot/mail', account.user, mailbox === 'INBOX' ? '' : `.${mailbox}`)
  const isFree = () => !clients.isAt(account.user) && !existsSync(path.join(folder, 'dovecot-uidlist.lock'))
  await until(async () => isFree(), handsOffWithinMs)
  scene.servers.dovecot.resetUidValidity(account.user, mailbox)
  return true
}

async function sleepThroughLease(run: Run, fault: Fault & { kind: 'sleeper' }): Promise<boolean> {
  const { scene, post } = run
  const owner = daemonOf(scene, fault.victim)
  return await during(run, owner.name, async () => {
    const before = await findTried(scene, owner)
    for (const account of scene.accounts.filter(({ id }) => before.accounts.has(id)))
      post.deliver(account, lettersInHand)
    const isBusy = async () => [...(await findTried(scene, owner)).mailboxes].some(one => !before.mailboxes.has(one))
    await until(isBusy, busyWithinMs)
    await wait(fault.afterMs)
    const inHand = (await findTried(scene, owner)).mailboxes
    const goOn = owner.stop()
    await wait(soonMs)
    for (const account of scene.accounts) {
      for (const mailbox of account.mailboxes.filter(name =>
        [...inHand].some(one => one.startsWith(`${account.id} ${name} `)),
      ))
        await resetUidValidity(run, account, mailbox).catch(() => false)
    }
    await wait(fault.forMs)
    goOn()
  })
}

const lettersInHand = 6
const busyWithinMs = 5_000
/** What was on its way has come. */
const soonMs = 500

/** What the daemon owns, and what it tries: that is written down before a batch is tried, and taken away with its rows. */
async function findTried(
  { db }: Scene,
  { pid }: ChaosDaemon,
): Promise<{ accounts: ReadonlySet<number>; mailboxes: ReadonlySet<string> }> {
  const rows: { id: number; name: string; trying_uid: number | null }[] = await db('accounts')
    .join('mailboxes', 'mailboxes.account_id', 'accounts.id')
    .where('lease_owner', 'like', `%-${pid}-%`)
    .select('accounts.id', 'name', 'trying_uid')
  const tried = rows.filter(row => row.trying_uid !== null)
  return {
    accounts: new Set(rows.map(row => row.id)),
    mailboxes: new Set(tried.map(row => `${row.id} ${row.name} ${row.trying_uid}`)),
  }
}
