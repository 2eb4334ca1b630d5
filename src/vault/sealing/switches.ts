// What a person may ask for, by command or on a page: turning encryption on and off, a new key, the proof of a backup. Each checks that
// it may be, makes or reads a file, and writes down what is asked for; the daemon does the work. All throw OperationError that says what
// to do instead.

import { rmSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import { OperationError } from '../../errors/errors.ts'
import type { ProofFault } from '../../errors/operations.ts'
import type { EncryptionState } from '../../model/encryption.ts'
import { inTransaction } from '../../store/db/database.ts'
import { insertAudit } from '../../store/people/audit.ts'
import { lockKeyChanges, lockKeys, readClock } from '../../store/secrets/encryption-keys.ts'
import { readKeyFile } from '../keys/key-file.ts'
import { filesOf, type KeyPaths, proofFileOf, readKeyring, readProof } from '../keys/keyring.ts'
import { createKeyFile } from '../keys/place-key-file.ts'
import { readStates } from '../keys/read-states.ts'
import { rememberUnsealing } from '../keys/seen-states.ts'
import { notVisibleCode, problemsOf, proofMinutes } from './encryption-problems.ts'
import { encryptionState } from './encryption-state.ts'
import { readFactsOfCommand } from './read-facts.ts'
import type { EncryptionStatus } from './status.ts'
import { beginUnsealing, cancelUnsealing, updateSigned } from './transitions.ts'

export interface EnablePlan {
  state: EncryptionState
  /** What turning on begins with; `wait`: the daemon is at it, or done. */
  step: 'make-key' | 'take-back' | 'wait'
}

/** What turning on would do now. */
export async function planEnable(db: Knex, keyPaths: KeyPaths): Promise<EnablePlan> {
  const facts = await readFactsOfCommand(db, readKeyring(keyPaths))
  const state = encryptionState(facts)
  const because = problemsOf(facts, filesOf(keyPaths)).slice(0, 1)
  if (state === 'locked') throw new OperationError('encryption.locked', {}, { because })
  const isMadeUp = facts.forgeries?.some(({ kind }) => kind === 'unsealing')
  if (state === 'unsealing' || isMadeUp) return { state, step: 'take-back' }
  if (state !== 'off') return { state, step: 'wait' }
  if (facts.current.kind === 'refused') throw new OperationError('encryption.key_file_refused', {}, { because })
  if (facts.current.kind === 'valid') return { state, step: 'wait' }
  refuseReadOnly(keyPaths, 'encryption-key.bin')
  return { state, step: 'make-key' }
}

/** Turns on. Only after both acknowledgements: whoever asks for it has shown them to a person. */
export async function enable(db: Knex, keyPaths: KeyPaths, actor: string): Promise<EnablePlan> {
  const plan = await planEnable(db, keyPaths)
  if (plan.step === 'make-key') {
    await inTransaction(db, async trx => {
      await insertAudit(trx, { actor, action: 'encryption.enable' })
      makeKeyFile(keyPaths.file)
    })
  }
  if (plan.step === 'take-back') await takeBack(db, keyPaths, actor)
  return plan
}

/** On second thoughts: the request goes, and the proof with it. */
async function takeBack(db: Knex, keyPaths: KeyPaths, actor: string): Promise<void> {
  if (!(await cancelUnsealing(db, readKeyring(keyPaths), actor)))
    throw new OperationError('encryption.changed_meanwhile', { reason: 'disabled' })
  rmSync(proofFileOf(keyPaths), { force: true })
  rememberUnsealing(keyPaths, undefined)
}

/** What systemd gives can be changed only there. */
function refuseReadOnly(keyPaths: KeyPaths, name: string): void {
  if (keyPaths.origin !== 'credential') return
  throw new OperationError('encryption.keys_read_only', { directory: path.dirname(keyPaths.file), name })
}

function makeKeyFile(file: string): void {
  try {
    createKeyFile(file)
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new OperationError('encryption.changed_meanwhile', { reason: 'file', file })
    throw new OperationError('encryption.key_file_not_made', {
      file,
      why: code,
      ...(code === 'ENOENT' ? { directory: path.dirname(file) } : {}),
    })
  }
}

type Standing = Pick<EncryptionStatus, 'state' | 'keyId' | 'nextKeyId' | 'problems'>

/** Throws where the service holds the key and this process does not see it: it is not lost, and nothing can be done here. */
export function refuseNotVisible({ problems }: Pick<Standing, 'problems'>): void {
  const problem = problems.find(({ code }) => code === notVisibleCode)
  if (problem !== undefined) throw new OperationError('encryption.not_visible', {}, { because: [problem] })
}

/** What a new key would do now; `wait`: the daemon is at it. */
export function planRotation(status: Standing, keyPaths: KeyPaths): 'make-key' | 'wait' {
  const { state, nextKeyId, problems } = status
  refuseNotVisible(status)
  if (state !== 'on' && state !== 'rotating') {
    throw new OperationError('encryption.cannot_rotate', { state }, { because: problems.slice(0, 1) })
  }
  if (state === 'rotating' || nextKeyId !== null) return 'wait'
  refuseReadOnly(keyPaths, 'encryption-key.next.bin')
  return 'make-key'
}

/** Makes the next key. */
export async function rotate(db: Knex, status: Standing, keyPaths: KeyPaths, actor: string): Promise<void> {
  if (planRotation(status, keyPaths) === 'wait') return
  await inTransaction(db, async trx => {
    await insertAudit(trx, { actor, action: 'encryption.rotate', detail: { from: status.keyId } })
    makeKeyFile(filesOf(keyPaths).next)
  })
}

/** Throws unless encryption can be turned off now, but for the proof. Returns the id of the key that is given up. */
export function keyToGiveUp(status: Standing): string {
  const { state, keyId, problems } = status
  refuseNotVisible(status)
  if ((state === 'on' || state === 'sealing' || state === 'unsealing') && keyId !== null) return keyId
  const because = state === 'off' ? [] : problems.slice(0, 1)
  throw new OperationError('encryption.cannot_be_disabled', { state }, { because })
}

/** Turns off, for whoever has proven that they may write to this server's files. */
export async function disable(db: Knex, status: Standing, keyPaths: KeyPaths, actor: string): Promise<void> {
  const keyId = keyToGiveUp(status)
  if (await isGoingOff(db, keyPaths)) return
  checkProof(keyPaths, keyId)
  if (await beginUnsealing(db, readKeyring(keyPaths), keyId, actor)) return
  throw new OperationError('encryption.changed_meanwhile', { reason: 'key' })
}

/** Turning off was asked for on this host, and is under way. */
export async function isGoingOff(db: Knex, keyPaths: KeyPaths): Promise<boolean> {
  return (await readStates(db, readKeyring(keyPaths))).isAskedHere
}

/** The line that makes the proof. */
export function lineThatProves(keyPaths: KeyPaths, keyId: string): string {
  return `echo ${keyId} > ${proofFileOf(keyPaths)}`
}

/** That whoever asks may write to the server's files, now: a proof that was left over from another time is none. */
export function checkProof(keyPaths: KeyPaths, keyId: string, now: Date = new Date()): void {
  const refusal = refusalOfProof(keyPaths, keyId, now)
  if (refusal !== undefined) throw refusal
}

/** What keeps the proof from being one; undefined: it is one. */
export function refusalOfProof(keyPaths: KeyPaths, keyId: string, now: Date): OperationError | undefined {
  const reason = faultOfProof(keyPaths, keyId, now)
  if (reason === undefined) return undefined
  return new OperationError('encryption.proof_refused', {
    file: proofFileOf(keyPaths),
    reason,
    keyId,
    minutes: proofMinutes,
  })
}

function faultOfProof(keyPaths: KeyPaths, keyId: string, now: Date): ProofFault | undefined {
  const stats = statSync(proofFileOf(keyPaths), { throwIfNoEntry: false })
  const proof = readProof(keyPaths)
  if (stats === undefined) return 'absent'
  if (!stats.isFile()) return 'no_file'
  if (proof === undefined) return 'unreadable'
  if (proof.text !== keyId) return proof.text === '' ? 'empty' : 'other_key'
  const minutes = Math.abs(now.getTime() - proof.at.getTime()) / 60_000
  return minutes <= proofMinutes ? undefined : 'too_old'
}

/** Notes that `copy` is a copy of the key in use; returns its id. */
export async function proveBackup(db: Knex, keyPaths: KeyPaths, copy: string, actor: string): Promise<string> {
  const keyId = (await readStates(db, readKeyring(keyPaths))).active?.keyHex
  if (keyId === undefined) throw new OperationError('encryption.no_key', { reason: 'backup' })
  refuseSameFile(copy, keyPaths)
  const found = readKeyFile(copy, 'credential')
  if (found.kind === 'absent') throw new OperationError('encryption.backup_absent', { file: copy })
  if (found.kind === 'refused')
    throw new OperationError('encryption.backup_refused', { file: copy }, { because: [found] })
  if (found.key.hex !== keyId) {
    throw new OperationError('encryption.backup_other_key', {
      file: copy,
      keyId: found.key.hex,
      wanted: keyId,
      keyFile: keyPaths.file,
    })
  }
  const { key } = found
  await inTransaction(db, async trx => {
    await lockKeyChanges(trx)
    await lockKeys(trx, 'alone')
    const { forgeries } = await readStates(trx, readKeyring(keyPaths))
    if (forgeries.length > 0) throw new OperationError('encryption.in_doubt', {})
    await updateSigned(trx, key, { backupProvenAt: await readClock(trx) })
    await insertAudit(trx, { actor, action: 'encryption.backup_proven', detail: { key: keyId } })
  })
  return keyId
}

/** The key file is no backup of itself, by whatever name. */
function refuseSameFile(copy: string, keyPaths: KeyPaths): void {
  const [a, b] = [copy, keyPaths.file].map(file => statSync(file, { throwIfNoEntry: false }))
  if (a === undefined || b === undefined || a.ino !== b.ino || a.dev !== b.dev) return
  throw new OperationError('encryption.backup_same_file', { file: copy })
}
