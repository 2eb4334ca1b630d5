// A daemon that is killed again and again while it seals, reseals and unseals: after every kill each password opens to what it was, no row
// has neither form, and no key file is lost; left alone, it always comes to its end. Kills come at random moments of the work: at a
// random share of the rows and a few random milliseconds later, or a random time after the start, which meets the changes of state.
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { findKeys } from '../../src/store/secrets/encryption-keys.ts'
import { nextName } from '../../src/vault/keys/place-key-file.ts'
import { beginUnsealing } from '../../src/vault/sealing/transitions.ts'
import { createWorld, spawnDaemon, until, type World } from './daemon.ts'
import { randomOf } from './random.ts'
import {
  actionsOf,
  countWhere,
  hexOf,
  insertPaused,
  keyFileOf,
  pausedDestination,
  ringOf,
  secretOf,
  writeKey,
  writeProof,
  wrongOf,
} from './sealing.ts'

export interface KillOptions {
  rows: number
  kills: number
  seed: number
  /** Kills of one phase before it is left alone to its end; a phase that is not named is left out. */
  ofPhase?: Readonly<Partial<Record<Phase, number>>>
}

interface Run {
  world: World
  secrets: Map<number, string>
  random: () => number
  /** Keys that were put in place so far: none of them may ever be gone. */
  dropped: string[]
  kills: number
  /** Share of the rows that were done when a kill came, by phase. */
  met: Record<Phase, number[]>
}

type Phase = 'sealing' | 'rotating' | 'unsealing'

const killsOfPhase = { sealing: 3, rotating: 4, unsealing: 3 } as const

/** Goes round sealing, rotating and unsealing until there were so many kills. Returns where they came. */
export async function killAndConverge({ rows, kills, seed, ofPhase = killsOfPhase }: KillOptions): Promise<Run['met']> {
  await using world = await createWorld()
  const run: Run = {
    world,
    secrets: await insertPaused(world.db, rows),
    random: randomOf(seed),
    dropped: [],
    kills: 0,
    met: { sealing: [], rotating: [], unsealing: [] },
  }
  while (run.kills < kills) {
    for (const phase of ['sealing', 'rotating', 'unsealing'] as const)
      if (ofPhase[phase] !== undefined) await runPhase(run, phase, ofPhase[phase])
  }
  expect(await opensEach(run)).toEqual([])
  return run.met
}

const ends = { sealing: 'encryption.on', rotating: 'encryption.rotated', unsealing: 'encryption.off' } as const

async function runPhase(run: Run, phase: Phase, kills: number): Promise<void> {
  const { world } = run
  const endsBefore = await countAction(world, ends[phase])
  await order(run, phase)
  for (let kill = 0; kill < kills; kill++) {
    await using daemon = openDaemon(world)
    await reachMoment(run, phase)
    run.met[phase].push((await countDone(run, phase)) / run.secrets.size)
    await daemon.end('SIGKILL')
    run.kills += 1
    await check(run)
  }
  await using daemon = openDaemon(world)
  await until(async () => {
    await held(run)
    return (await countAction(world, ends[phase])) > endsBefore && (await isSettled(run, phase))
  })
  await daemon.end('SIGTERM')
  await check(run)
}

/** Makes the phase due. Nothing runs at this moment. */
async function order({ world, dropped }: Run, phase: Phase): Promise<void> {
  const file = keyFileOf(world)
  if (phase === 'unsealing') {
    const active = dropped.at(-1) ?? ''
    writeProof(world, active)
    expect(await beginUnsealing(world.db, ringOf(world), active, 'test')).toBe(true)
    return
  }
  dropped.push(hexOf(writeKey(phase === 'sealing' ? file : nextName(file))))
}

/** The files are where they belong at the end of the phase. */
async function isSettled({ world, dropped }: Run, phase: Phase): Promise<boolean> {
  const { current, next } = ringOf(world)
  if (phase === 'unsealing') return current.kind === 'absent'
  return current.kind === 'valid' && current.key.hex === dropped.at(-1) && next.kind === 'absent'
}

/** Waits for a moment at which to kill: at a share of the rows that are left, and a little later; or some time after the start. */
async function reachMoment(run: Run, phase: Phase): Promise<void> {
  const { random, secrets } = run
  const done = await countDone(run, phase)
  const left = secrets.size - done
  const byRows = random() < 0.75 && left > 0
  const wanted = done + Math.max(1, random() * left)
  const deadline = Date.now() + (byRows ? latestRowsMs : random() * latestKillMs)
  while (Date.now() < deadline && !(byRows && (await countDone(run, phase)) >= wanted)) {
    await held(run)
    await wait(lookEveryMs)
  }
  await wait(random() * maxLaterMs)
}

const latestRowsMs = 30_000
const latestKillMs = 4_000
const lookEveryMs = 2
const maxLaterMs = 20

async function countDone({ world, dropped }: Run, phase: Phase): Promise<number> {
  if (phase === 'sealing') return await countWhere(world.db, 'plaintext IS NULL')
  if (phase === 'unsealing') return await countWhere(world.db, 'sealed IS NULL')
  return await countWhere(world.db, `sealed_key_id = UNHEX('${dropped.at(-1)}')`)
}

/** Every key that was ever in use is in some file, at every moment. */
async function held({ world, dropped }: Run): Promise<void> {
  const { ids } = ringOf(world)
  const gone = dropped.filter(keyHex => !ids.includes(keyHex))
  if (gone.length > 0) throw new Error(`the keys ${gone} are in no file of ${readdirSync(world.directory)}`)
}

/** What holds after every kill. */
async function check(run: Run): Promise<void> {
  const { world, secrets } = run
  await held(run)
  expect(await countWhere(world.db, 'plaintext IS NULL AND sealed IS NULL')).toBe(0)
  expect(await countWhere(world.db, 'TRUE')).toBe(secrets.size)
  expect(await wrongOf(world.db, keyFileOf(world), secrets)).toEqual([])
  const states = (await findKeys(world.db)).map(row => row.state)
  expect(states.filter(state => state === 'active').length).toBeLessThanOrEqual(1)
  expect(states).not.toContain('lost')
}

/** Accounts that open to something else in the very way of a poll. */
async function opensEach({ world, secrets }: Run): Promise<number[]> {
  const wrong: number[] = []
  for (const [id, secret] of secrets) {
    if ((await secretOf(world.db, keyFileOf(world), id, pausedDestination(id))) !== secret) wrong.push(id)
  }
  return wrong
}

const countAction = async (world: World, action: string): Promise<number> =>
  (await actionsOf(world.db)).filter(found => found === action).length

/** In a process of its own, with a short lease, so that the dead are soon forgotten. */
function openDaemon(world: World): AsyncDisposable & { end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> } {
  const child = spawnDaemon(world, 'ignore', { LETTERLOCK_POLL_LEASE_SECONDS: '5' })
  const exited = once(child, 'exit')
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    child.kill(signal)
    await exited
  }
  return { end, [Symbol.asyncDispose]: () => end('SIGKILL') }
}
