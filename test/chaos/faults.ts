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
  const startedAt = performance.now()
  const going: Promise<void>[] = []
  for (const { atMs, fault } of plan) {
    await wait(Math.max(0, startedAt + atMs - performance.now()))
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
      return await resetUidValidity(run, at(scene.accounts, fault.pick), fault.pick)
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

/** Other clients act on UIDs, and Dovecot may hold its lock: nobody is at the mailbox when its UIDs change. */
async function resetUidValidity({ scene, clients }: Run, account: ChaosAccount, pick: number): Promise<boolean> {
  const mailbox = at(account.mailboxes, (pick * 7919) % 1)
  const folder = path.join(scene.directory, 'dovecot/mail', account.user, mailbox === 'INBOX' ? '' : `.${mailbox}`)
  const isFree = () => !clients.isAt(account.user) && !existsSync(path.join(folder, 'dovecot-uidlist.lock'))
  await until(async () => isFree(), handsOffWithinMs)
  scene.servers.dovecot.resetUidValidity(account.user, mailbox)
  return true
}

async function sleepThroughLease(run: Run, fault: Fault & { kind: 'sleeper' }): Promise<boolean> {
  const { scene, post } = run
  const account = at(scene.accounts, fault.pick)
  const row = await scene.db('accounts').where({ id: account.id }).first('lease_owner')
  const owner = scene.daemons.find(({ pid }) => String(row?.lease_owner).includes(`-${pid}-`))
  if (owner === undefined) return false
  return await during(run, owner.name, async () => {
    post.deliver(account, 12)
    await wait(fault.afterMs)
    const goOn = owner.stop()
    await wait(500)
    await resetUidValidity(run, account, fault.pick).catch(() => false)
    await wait(fault.forMs)
    goOn()
  })
}
