// What a person may ask for, by command or on a page: turning encryption on and off, a new key, the proof of a backup. Each checks that
// it may be, makes or reads a file, and writes down what is asked for; the daemon does the work. All throw CommandError that says what
// to do instead.

import { rmSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import { CommandError } from '../../errors/errors.ts'
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
  const [problem] = problemsOf(facts, filesOf(keyPaths))
  if (state === 'locked') throw new CommandError('encryption is locked, and no key is made now', problem?.hint)
  const isMadeUp = facts.forgeries?.some(({ kind }) => kind === 'unsealing')
  if (state === 'unsealing' || isMadeUp) return { state, step: 'take-back' }
  if (state !== 'off') return { state, step: 'wait' }
  if (facts.current.kind === 'refused') throw new CommandError('the key file in place is refused', problem?.hint)
  if (facts.current.kind === 'valid') return { state, step: 'wait' }
  refuseReadOnly(keyPaths, 'encryption-key.bin')
  return { state, step: 'make-key' }
}

/** Turns on. Only after both acknowledgements: whoever asks for it has shown them to a person. */
export async function enable(db: Knex, keyPaths: KeyPaths, actor: string): Promise<EnablePlan> {
  const plan = await planEnable(db, keyPaths)
  if (plan.step === 'make-key') {
    makeKeyFile(keyPaths.file)
    await insertAudit(db, { actor, action: 'encryption.enable' })
  }
  if (plan.step === 'take-back') await takeBack(db, keyPaths, actor)
  return plan
}

/** On second thoughts: the request goes, and the proof with it. */
async function takeBack(db: Knex, keyPaths: KeyPaths, actor: string): Promise<void> {
  if (!(await cancelUnsealing(db, readKeyring(keyPaths), actor)))
    throw new CommandError('encryption was turned off in this moment', tryAgain)
  rmSync(proofFileOf(keyPaths), { force: true })
  rememberUnsealing(keyPaths, undefined)
}

const tryAgain = 'look again, and repeat it if it is still wanted'

/** What systemd gives can be changed only there. */
function refuseReadOnly(keyPaths: KeyPaths, name: string): void {
  if (keyPaths.origin !== 'credential') return
  throw new CommandError(
    `the keys are given by systemd (${path.dirname(keyPaths.file)}) and cannot be written here`,
    `make the file \`(umask 077; head -c 32 /dev/urandom > ${name})\`, name it in the unit with LoadCredential=${name}:PATH, and restart the service`,
  )
}

function makeKeyFile(file: string): void {
  try {
    createKeyFile(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new CommandError(`${file} has appeared in this moment`, tryAgain)
    throw new CommandError(
      `the key file ${file} cannot be made (${code})`,
      code === 'ENOENT'
        ? `make the directory first: \`install -d -m 0700 ${path.dirname(file)}\``
        : 'run the command of `letterlock encryption` for it on the server, as root or as the service user, and check the disk',
    )
  }
}

type Standing = Pick<EncryptionStatus, 'state' | 'keyId' | 'nextKeyId' | 'problems'>

/** Throws where the service holds the key and this process does not see it: it is not lost, and nothing can be done here. */
export function refuseNotVisible({ problems }: Pick<Standing, 'problems'>): void {
  const problem = problems.find(({ code }) => code === notVisibleCode)
  if (problem !== undefined) throw new CommandError('the key is not visible to this user', problem.hint)
}

/** What a new key would do now; `wait`: the daemon is at it. */
export function planRotation(status: Standing, keyPaths: KeyPaths): 'make-key' | 'wait' {
  const { state, nextKeyId, problems } = status
  refuseNotVisible(status)
  if (state !== 'on' && state !== 'rotating') {
    throw new CommandError(
      `encryption is ${state}: a key is changed only while it is on`,
      problems[0]?.hint ?? '`letterlock encryption status` says more',
    )
  }
  if (state === 'rotating' || nextKeyId !== null) return 'wait'
  refuseReadOnly(keyPaths, 'encryption-key.next.bin')
  return 'make-key'
}

/** Makes the next key. */
export async function rotate(db: Knex, status: Standing, keyPaths: KeyPaths, actor: string): Promise<void> {
  if (planRotation(status, keyPaths) === 'wait') return
  makeKeyFile(filesOf(keyPaths).next)
  await insertAudit(db, { actor, action: 'encryption.rotate', detail: { from: status.keyId } })
}

/** Throws unless encryption can be turned off now, but for the proof. Returns the id of the key that is given up. */
export function keyToGiveUp(status: Standing): string {
  const { state, keyId, problems } = status
  refuseNotVisible(status)
  if (state === 'off')
    throw new CommandError('encryption is off already', '`letterlock encryption status` shows what there is')
  if ((state === 'on' || state === 'sealing' || state === 'unsealing') && keyId !== null) return keyId
  throw new CommandError(
    `encryption is ${state} and cannot be turned off now`,
    problems[0]?.hint ?? 'wait until the rotation is through',
  )
}

/** Turns off, for whoever has proven that they may write to this server's files. */
export async function disable(db: Knex, status: Standing, keyPaths: KeyPaths, actor: string): Promise<void> {
  const keyId = keyToGiveUp(status)
  if (await isGoingOff(db, keyPaths)) return
  checkProof(keyPaths, keyId)
  if (await beginUnsealing(db, readKeyring(keyPaths), keyId, actor)) return
  throw new CommandError(
    'the key changed in this moment, or its state is in doubt',
    '`letterlock encryption status` says more',
  )
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
  const fault = faultOfProof(keyPaths, keyId, now)
  if (fault === undefined) return
  throw new CommandError(
    fault,
    `prove your access to the server’s files: \`${lineThatProves(keyPaths, keyId)}\`, then repeat this`,
  )
}

/** What keeps the proof from being one; undefined: it is one. */
export function faultOfProof(keyPaths: KeyPaths, keyId: string, now: Date): string | undefined {
  const file = proofFileOf(keyPaths)
  const stats = statSync(file, { throwIfNoEntry: false })
  const proof = readProof(keyPaths)
  if (stats === undefined) return `the proof ${file} is not there`
  if (!stats.isFile()) return `${file} is no regular file`
  if (proof === undefined) return `the proof ${file} cannot be read, or is too long to be one`
  if (proof.text !== keyId) return `the proof ${file} ${proof.text === '' ? 'is empty' : 'names another key'}`
  const minutes = Math.abs(now.getTime() - proof.at.getTime()) / 60_000
  return minutes <= proofMinutes ? undefined : `the proof ${file} was not written in the last ${proofMinutes} minutes`
}

/** Notes that `copy` is a copy of the key in use; returns its id. */
export async function proveBackup(db: Knex, keyPaths: KeyPaths, copy: string, actor: string): Promise<string> {
  const keyId = (await readStates(db, readKeyring(keyPaths))).active?.keyHex
  if (keyId === undefined)
    throw new CommandError('no key is in use, so there is no backup to prove', '`letterlock encryption enable` first')
  refuseSameFile(copy, keyPaths)
  const found = readKeyFile(copy, 'credential')
  if (found.kind === 'absent') throw new CommandError(`there is no file ${copy}`, 'check the path')
  if (found.kind === 'refused') throw new CommandError(`${copy} is no copy of the key`, found.hint)
  if (found.key.hex !== keyId) {
    throw new CommandError(
      `${copy} is the key ${found.key.hex}, and the one in use is ${keyId}`,
      `copy ${keyPaths.file} again`,
    )
  }
  const { key } = found
  await inTransaction(db, async trx => {
    await lockKeyChanges(trx)
    await lockKeys(trx, 'alone')
    const { forgeries } = await readStates(trx, readKeyring(keyPaths))
    if (forgeries.length > 0)
      throw new CommandError(
        'what the database says of the keys is in doubt',
        '`letterlock encryption status` says more',
      )
    await updateSigned(trx, key, { backupProvenAt: await readClock(trx) })
    await insertAudit(trx, { actor, action: 'encryption.backup_proven', detail: { key: keyId } })
  })
  return keyId
}

/** The key file is no backup of itself, by whatever name. */
function refuseSameFile(copy: string, keyPaths: KeyPaths): void {
  const [a, b] = [copy, keyPaths.file].map(file => statSync(file, { throwIfNoEntry: false }))
  if (a === undefined || b === undefined || a.ino !== b.ino || a.dev !== b.dev) return
  throw new CommandError(`${copy} is the key file itself`, 'copy it to another disk, and verify that copy')
}
