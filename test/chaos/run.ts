// A chaos run, from an empty machine to the report: everything is started, mail keeps coming, other clients work in the same mailboxes, and
// the daemons, MariaDB, Redis, Dovecot, the disk, the clock and the network between them fail at random instants. Then all faults end, and
// everything must be right again.
//
// Right means: every mail that was delivered is in `sources` exactly once as no duplicate, byte for byte, in exactly one message of one
// ticket (answers of machines: ignored; noise: in any one end). Missing may be alone what another client deleted unread: the harness
// notes each such mail before it is deleted. What others take away otherwise they take after a row of it was seen, and what they
// move from one polled mailbox to another must be found there. No row hangs in the air. On the server nothing was flagged, moved or
// deleted but by these clients or by the account's choice, and that never before the row was there. Copies beyond what was delivered
// are Dovecot's: a move that is killed in its middle may leave a mail in both mailboxes.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { recoverSources } from '../../src/poll/ingest/recover-sources.ts'
import { createTriagePolicy } from '../../src/poll/ingest/triage-policy.ts'
import { randomOf } from '../support/random.ts'
import { check } from './checks.ts'
import { checkCoverage } from './coverage.ts'
import { carryOut } from './faults.ts'
import { createOtherClients } from './other-clients.ts'
import { type FaultKind, planFaults } from './plan.ts'
import { createPost } from './post.ts'
import { createRegister } from './register.ts'
import type { Report } from './report.ts'
import { openScene, type Scene } from './scene.ts'
import { helpOut, insist, settle } from './settled.ts'
import { watchMailboxes } from './watcher.ts'

export interface ChaosOptions {
  seed: number
  minutes: number
  /** A module that the daemons load first, to make them worse: a run with one must fail. */
  preload?: URL | undefined
  /** No other kinds than these. */
  only?: readonly FaultKind[] | undefined
  /** Leaves the directory behind, for a person to look at the logs. */
  keep?: boolean
  /** A line for each thing that happens. */
  tell?(line: string): void
}

const settleWithinMs = 240_000
const helpEveryMs = 1_000

export async function runChaos(options: ChaosOptions): Promise<Report> {
  const { seed, minutes, preload, only, keep = false, tell = () => {} } = options
  const all = planFaults(randomOf(seed), minutes * 60_000)
  const plan = all.filter(({ fault }) => only?.includes(fault.kind) ?? true)
  await using scene = await openScene({ preload, keep, progress: tell })
  tell(`all of it lies in ${scene.directory}`)
  const register = createRegister()
  const post = createPost(scene, register, { random: randomOf(seed + 1), seed })
  const clients = createOtherClients(scene, register, randomOf(seed + 2))

  const calm = new AbortController()
  const watched = new AbortController()
  const startedAt = performance.now()
  const watching = watchMailboxes(scene, register, watched.signal)
  const going = [post.keepDelivering(calm.signal), clients.keepBusy(calm.signal), keepHelping(scene, calm.signal)]
  const faults = await carryOut(plan, { scene, post, clients, tell })
  calm.abort()
  await Promise.all(going)
  const takenIn = await insist(() => countMails(scene))
  const calmAt = performance.now()
  const stuck = await settle(scene, register, settleWithinMs)
  const settledAt = performance.now()
  watched.abort()
  const early = await watching
  const recovered = await recover(scene)
  const findings = await insist(() => check(scene, register))
  const uncovered = await insist(() => checkCoverage(scene))
  return {
    seed,
    seconds: (calmAt - startedAt) / 1000,
    settledSeconds: (settledAt - calmAt) / 1000,
    faults,
    others: clients.done,
    mails: register.mails.size,
    takenIn,
    deliveries: register.placed.length,
    bytes: register.bytes,
    ends: await countEnds(scene),
    recovered,
    leftOut: leftOut(scene),
    stuck,
    early,
    ...findings,
    uncovered,
    broken: [...scene.ended, ...findBugs(scene)],
  }
}

/** An operator looks after failing accounts: without him they would wait out their backoff, and the faults would meet nothing. */
async function keepHelping({ db }: Scene, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await helpOut(db).catch(() => {})
    await wait(helpEveryMs, undefined, { signal }).catch(() => {})
  }
}

/** What crashes left in the raw store alone is known or a duplicate by now: taking it in must double nothing. */
async function recover({ db, raw, config }: Scene): Promise<{ batches: number; mails: number }> {
  const triage = createTriagePolicy(config, async () => undefined)
  return await insist(() => recoverSources({ db, raw, parse: source => parseMessage(source), triage }))
}

async function countMails({ db }: Scene): Promise<number> {
  const row = await db('sources').where({ complete: true }).whereNot({ result: 'duplicate' }).count({ n: '*' }).first()
  return Number(row?.n ?? 0)
}

async function countEnds({ db }: Scene): Promise<Record<string, number>> {
  const rows: { result: string; n: number }[] = await db('sources')
    .groupBy('result')
    .orderBy('result')
    .select('result')
    .count({ n: '*' })
  return Object.fromEntries(rows.map(({ result, n }) => [result, Number(n)]))
}

function leftOut(scene: Scene): string[] {
  return [
    ...(scene.disk === undefined ? ['the disk is never full, because nothing may be mounted here'] : []),
    ...(scene.daemons.some(daemon => daemon.setClock(0)) ? [] : ['clocks are right: there is no libfaketime here']),
  ]
}

/** What the daemons themselves call a fault of letterlock. */
function findBugs({ directory }: Scene): string[] {
  const bugs = ['daemon-a', 'daemon-b'].flatMap(name =>
    readFileSync(path.join(directory, `${name}.log`), 'utf8')
      .split('\n')
      .filter(line => /"code":"internal"/.test(line))
      .map(line => /"error":\{.*/.exec(line)?.[0].slice(0, 300) ?? line.slice(0, 300)),
  )
  return [...new Set(bugs)]
}
