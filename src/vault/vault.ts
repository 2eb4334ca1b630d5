// The keys of a running daemon. Once a second the key files are looked at: polling sees what notifications miss (a directory that comes
// later, an atomic replacement, a network file system) and costs less than a poll of one mailbox. What follows from what is there is
// done by `work`, which the sealing job calls: step after step until there is nothing left to do.
import { rmSync } from 'node:fs'
import type { Knex } from 'knex'
import { ServiceError } from '../errors/errors.ts'
import type { Events } from '../observe/events.ts'
import type { Health } from '../observe/health.ts'
import { insertAudit } from '../store/people/audit.ts'
import { clearSuperseded } from '../store/secrets/credential-rows.ts'
import { writePlaintextSeen } from '../store/secrets/encryption-keys.ts'
import type { KeyFileFact } from './keys/key-file.ts'
import { filesOf, type KeyPaths, type Keyring, proofFileOf, readKeyring } from './keys/keyring.ts'
import { retireKeyFile } from './keys/place-key-file.ts'
import type { States } from './keys/read-states.ts'
import { rememberStates, rememberUnsealing } from './keys/seen-states.ts'
import { openLogins } from './oauth/access-tokens.ts'
import { forgedCode, forgeryProblems, problemsOf, proofProblems } from './sealing/encryption-problems.ts'
import { activeOf, encryptionState, type Facts, nextStep, type Step, writeKeyOf } from './sealing/encryption-state.ts'
import { readFacts } from './sealing/read-facts.ts'
import { type PassReport, PassStopped, type RowFault } from './sealing/seal-batch.ts'
import { runPass } from './sealing/seal-rows.ts'
import {
  adoptKey,
  beginRotation,
  completeSealing,
  finishRotation,
  finishUnsealing,
  signKeys,
} from './sealing/transitions.ts'
import type { OpenSecret } from './secrets/open-secret.ts'
import { keepThreadSecret } from './secrets/thread-secret.ts'
import { createSecretWriter } from './secrets/write-secret.ts'

export interface VaultDeps {
  db: Knex
  /** Access tokens that are asked for at once; each holds a connection of `db`. */
  tokensAtOnce: number
  /** Its sessions ask for a minimal binary log. */
  sealingDb: Knex
  keyPaths: KeyPaths
  actor: string
  events: Events
  health: Health
  /** The keys that this host holds are others by now. */
  onKeys(): void
  /** There may be something to do. */
  onWork(): void
}

export interface Vault extends Disposable {
  openSecret: OpenSecret
  /** Ids of the keys held, in hex. */
  keyIds(): readonly string[]
  /** A look at the files at once. */
  look(): void
  /** Does what there is to do. `progress` hears how many rows the pass has changed. */
  work(signal: AbortSignal, progress: (changed: number) => void): Promise<void>
}

const lookEveryMs = 1_000
/** A file that is the same at two looks so far apart is taken for whole. */
const settledAfterMs = 2_000

export function openVault(deps: VaultDeps): Vault {
  const watch = createWatch(deps)
  const timer = setInterval(() => watch.look(), lookEveryMs).unref()
  return {
    openSecret: openLogins({
      db: deps.db,
      ring: () => watch.ring,
      writeSecret: createSecretWriter(deps.keyPaths),
      atOnce: deps.tokensAtOnce,
    }),
    keyIds: () => watch.ring.ids,
    look: () => watch.look(),
    work: (signal, progress) => work(deps, watch, signal, progress),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** What the last look found, and for how long it has been so. */
interface Watch {
  ring: Keyring
  settled: Facts['settled']
  look(): void
  /** Rows that could not be done, as told last. */
  told: string
  /** States of keys that were not believed, as audited last. */
  forged: string
}

function createWatch({ keyPaths, onKeys, onWork }: VaultDeps): Watch {
  const since = { current: 0, next: 0 }
  const watch: Watch = {
    ring: readKeyring(keyPaths),
    settled: { current: false, next: false },
    told: '',
    forged: '',
    look() {
      const [before, wasSettled] = [watch.ring, watch.settled]
      const ring = readKeyring(keyPaths)
      // A process without file descriptors sees nothing; that takes no key away that it has.
      if (!ring.isWhole) return
      watch.ring = ring
      watch.settled = { current: isSettled('current', before), next: isSettled('next', before) }
      if (watch.ring.ids.join() !== before.ids.join()) onKeys()
      const isNews = (which: 'current' | 'next'): boolean =>
        watch.settled[which] !== wasSettled[which] || identityOf(watch.ring[which]) !== identityOf(before[which])
      if (isNews('current') || isNews('next')) onWork()
    },
  }
  const isSettled = (which: 'current' | 'next', before: Keyring): boolean => {
    if (since[which] === 0 || identityOf(watch.ring[which]) !== identityOf(before[which])) since[which] = Date.now()
    return Date.now() - since[which] >= settledAfterMs
  }
  return watch
}

function identityOf(fact: KeyFileFact): string {
  return fact.kind === 'valid'
    ? `${fact.key.hex} ${fact.identity}`
    : fact.kind === 'refused'
      ? JSON.stringify(fact)
      : ''
}

async function work(
  deps: VaultDeps,
  watch: Watch,
  signal: AbortSignal,
  progress: (changed: number) => void,
): Promise<void> {
  // A pass that has more to do than it did leaves it to the next job: a helpdesk that writes without a pause must not keep this busy.
  for (let before: Step = 'none', step: Step = 'none'; ; before = step) {
    signal.throwIfAborted()
    const facts = await readFacts(deps.db, watch.ring, watch.settled)
    report(deps, facts)
    await auditForgeries(deps, watch, facts)
    remember(deps, facts)
    if (facts.states.unsigned.length > 0 && (await signKeys(deps.db, watch.ring, deps.actor))) continue
    const isUnsealed = isUnsealing(facts, watch.ring)
    await keepThreadSecret(deps.sealingDb, deps.keyPaths, isUnsealed ? undefined : writeKeyOf(facts))
    step = nextStep(facts)
    if (step === 'none' || step === before) return
    const went = await take(step, deps, watch, facts, signal, progress)
    watch.look()
    if (!went) return
  }
}

/** It was asked for on this host, with the proof. */
function isUnsealing({ isAskedHere, unsealing }: Facts, ring: Keyring): boolean {
  return isAskedHere === true && unsealing !== undefined && ring.proves(unsealing)
}

/** /ready is red while accounts wait for a key, and while the rows of the keys are not to be believed; everything else is told by the state. */
function report({ events, health, keyPaths }: VaultDeps, facts: Facts): void {
  const state = encryptionState(facts)
  const forged = forgeryProblems(facts)
  const others = [...problemsOf(facts, filesOf(keyPaths)), ...proofProblems(facts, proofFileOf(keyPaths))]
  events.encryptionState(state, [...forged, ...others])
  if (state !== 'locked') health.mend('key')
  else health.fail('key', new ServiceError('vault.locked', {}, { temporary: true, because: others }))
  if (forged.length === 0) health.mend('key states')
  else health.fail('key states', new ServiceError(forgedCode, {}, { temporary: true, because: forged }))
}

/** Each once; after a restart once more. */
async function auditForgeries({ db, actor }: VaultDeps, watch: Watch, { forgeries = [] }: Facts): Promise<void> {
  const forged = JSON.stringify(forgeries)
  if (forged === watch.forged) return
  for (const { kind, keyHex, says, holds } of forgeries)
    await insertAudit(db, { actor, action: forgedCode, detail: { key: keyHex.slice(0, 64), kind, says, holds } })
  watch.forged = forged
}

/** Notes what was seen for the first time, of keys that are still here. Where the data directory cannot be written, mail goes on. */
function remember({ keyPaths, events }: VaultDeps, { states }: Facts & { states: States }): void {
  const { ids } = readKeyring(keyPaths)
  const news = new Map([...states.news].filter(([keyHex, { state }]) => ids.includes(keyHex) || state === 'lost'))
  try {
    rememberStates(keyPaths, news)
  } catch (error) {
    events.statesNotRemembered(error)
  }
}

/** True if there may be more to do. */
async function take(
  step: Exclude<Step, 'none'>,
  deps: VaultDeps,
  watch: Watch,
  facts: Facts,
  signal: AbortSignal,
  progress: (changed: number) => void,
): Promise<boolean> {
  const { db, actor } = deps
  const { current, next } = watch.ring
  switch (step) {
    case 'adopt':
      return current.kind === 'valid' && (await adoptKey(db, current.key, actor))
    case 'complete':
      return await completeSealing(db, watch.ring, actor)
    case 'begin-rotation':
      return next.kind === 'valid' && (await beginRotation(db, watch.ring, next.key, actor))
    case 'sweep':
      return await sweep(deps, watch, facts, signal, progress)
    case 'finish-rotation':
      return await finishRotation(db, watch.ring, new Set(), actor)
    case 'unseal': {
      if (!isUnsealing(facts, watch.ring)) return false
      const { changed } = await pass(deps, watch, 'unseal', signal, progress)
      return (await finishUnsealing(db, watch.ring, actor)) || changed > 0
    }
    case 'finish-unsealing':
      return await finishUnsealing(db, watch.ring, actor)
    case 'swap-files':
      // Where nobody has moved it yet, passwords are sealed all the same.
      return moveFile(deps, current, filesOf(deps.keyPaths).next) || (await sweep(deps, watch, facts, signal, progress))
    case 'drop-superseded':
      return (await clearSuperseded(db)) > 0
    case 'retire-file':
      return moveFile(deps, current)
  }
}

/** Seals plaintexts, then what is under another key. */
async function sweep(
  deps: VaultDeps,
  watch: Watch,
  facts: Facts,
  signal: AbortSignal,
  progress: (changed: number) => void,
): Promise<boolean> {
  const { db, actor } = deps
  const sealed = await pass(deps, watch, 'seal', signal, progress)
  if (sealed.plaintextOf !== undefined) await notePlaintext(db, facts, sealed.plaintextOf, actor)
  const resealed = await pass(deps, watch, 'reseal', signal, changed => progress(sealed.changed + changed))
  if (sealed.changed + resealed.changed > 0) return true
  // What no key opens stays as it is, and keeps no rotation from its end.
  return await finishRotation(db, watch.ring, new Set(resealed.faults.map(fault => fault.credentialId)), actor)
}

/** Once all was sealed, a plaintext is somebody else's: which account it was leads to whoever writes it. */
async function notePlaintext(db: Knex, facts: Facts, accountId: number, actor: string): Promise<void> {
  await writePlaintextSeen(db, accountId)
  if (activeOf(facts)?.completed) await insertAudit(db, { actor, action: 'encryption.plaintext_sealed', accountId })
}

async function pass(
  deps: VaultDeps,
  watch: Watch,
  which: 'seal' | 'reseal' | 'unseal',
  signal: AbortSignal,
  progress: (changed: number) => void,
): Promise<PassReport> {
  const startedAt = performance.now()
  const { sealingDb, keyPaths, actor } = deps
  try {
    const done = await runPass({ db: sealingDb, keyPaths, actor }, which, signal, progress)
    if (done.changed > 0) deps.events.secretsWritten(which, done.changed, Math.round(performance.now() - startedAt))
    tell(deps, watch, done.faults)
    return done
  } catch (error) {
    if (!(error instanceof PassStopped)) throw error
    return { changed: 0, faults: [], plaintextOf: undefined }
  }
}

const maxTold = 20

/** Rows that are left are told once. */
function tell({ events }: VaultDeps, watch: Watch, faults: readonly RowFault[]): void {
  const told = faults.map(({ credentialId, code }) => `${credentialId} ${code}`).join()
  if (told === watch.told) return
  watch.told = told
  for (const { accountId, code } of faults.slice(0, maxTold)) events.secretLeft(accountId, code)
}

/** Where the key's directory is read-only, the problems of the state say what to move; it is tried again. */
function moveFile({ keyPaths, events }: VaultDeps, current: KeyFileFact, next?: string): boolean {
  if (current.kind !== 'valid' || keyPaths.origin === 'credential') return false
  try {
    retireKeyFile(keyPaths.file, current.key.hex, next)
    events.keyRetired(current.key.hex)
    if (next === undefined) removeProof(keyPaths)
    return true
  } catch (error) {
    events.keyNotMoved(current.key.hex, error)
    return false
  }
}

/** It was good for this one request. Where it may not be removed it proves nothing for another key. */
function removeProof(keyPaths: KeyPaths): void {
  rmSync(proofFileOf(keyPaths), { force: true })
  rememberUnsealing(keyPaths, undefined)
}
