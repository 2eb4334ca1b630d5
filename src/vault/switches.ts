// What a person may ask for, by command or on a page: turning encryption on and off, a new key, the proof of a backup. Each checks that
// it may be, makes or reads a file, and writes down what is asked for; the daemon does the work. All throw CommandError that says what
// to do instead.
import { readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import { CommandError } from '../errors.ts'
import { insertAudit } from '../store/audit.ts'
import { findKeys, updateKey } from '../store/encryption-keys.ts'
import { problemsOf } from './encryption-problems.ts'
import { type EncryptionState, encryptionState } from './encryption-state.ts'
import { readKeyFile } from './key-file.ts'
import { filesOf, type KeyPlace, proofFileOf, readKeyring } from './keyring.ts'
import { createKeyFile } from './place-key-file.ts'
import { readFacts } from './read-facts.ts'
import type { EncryptionStatus } from './status.ts'
import { beginUnsealing, cancelUnsealing } from './transitions.ts'

export interface EnablePlan {
  state: EncryptionState
  /** What turning on begins with; `wait`: the daemon is at it, or done. */
  step: 'make-key' | 'take-back' | 'wait'
}

/** What turning on would do now. */
export async function planEnable(db: Knex, place: KeyPlace): Promise<EnablePlan> {
  const facts = await readFacts(db, readKeyring(place))
  const state = encryptionState(facts)
  const [problem] = problemsOf(facts, filesOf(place))
  if (state === 'locked') throw new CommandError('encryption is locked, and no key is made now', problem?.hint)
  if (state === 'unsealing') return { state, step: 'take-back' }
  if (state !== 'off') return { state, step: 'wait' }
  if (facts.current.kind === 'refused') throw new CommandError('the key file in place is refused', problem?.hint)
  if (facts.current.kind === 'valid') return { state, step: 'wait' }
  refuseReadOnly(place, 'encryption-key.bin')
  return { state, step: 'make-key' }
}

/** Turns on. Only after both acknowledgements: whoever asks for it has shown them to a person. */
export async function enable(db: Knex, place: KeyPlace, actor: string): Promise<EnablePlan> {
  const plan = await planEnable(db, place)
  if (plan.step === 'make-key') {
    makeKeyFile(place.file)
    await insertAudit(db, { actor, action: 'encryption.enable' })
  }
  if (plan.step === 'take-back') await takeBack(db, place, actor)
  return plan
}

/** On second thoughts: the request goes, and the proof with it. */
async function takeBack(db: Knex, place: KeyPlace, actor: string): Promise<void> {
  if (!(await cancelUnsealing(db, actor))) throw new CommandError('encryption was turned off in this moment', tryAgain)
  rmSync(proofFileOf(place), { force: true })
}

const tryAgain = 'look again, and repeat it if it is still wanted'

/** What systemd gives can be changed only there. */
function refuseReadOnly(place: KeyPlace, name: string): void {
  if (place.origin !== 'credential') return
  throw new CommandError(
    `the keys are given by systemd (${path.dirname(place.file)}) and cannot be written here`,
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

/** What a new key would do now; `wait`: the daemon is at it. */
export function planRotation(status: Standing, place: KeyPlace): 'make-key' | 'wait' {
  const { state, nextKeyId, problems } = status
  if (state !== 'on' && state !== 'rotating') {
    throw new CommandError(
      `encryption is ${state}: a key is changed only while it is on`,
      problems[0]?.hint ?? '`letterlock encryption status` says more',
    )
  }
  if (state === 'rotating' || nextKeyId !== null) return 'wait'
  refuseReadOnly(place, 'encryption-key.next.bin')
  return 'make-key'
}

/** Makes the next key. */
export async function rotate(db: Knex, status: Standing, place: KeyPlace, actor: string): Promise<void> {
  if (planRotation(status, place) === 'wait') return
  makeKeyFile(filesOf(place).next)
  await insertAudit(db, { actor, action: 'encryption.rotate', detail: { from: status.keyId } })
}

/** Throws unless encryption can be turned off now, but for the proof. Returns the id of the key that is given up. */
export function keyToGiveUp({ state, keyId, problems }: Standing): string {
  if (state === 'off')
    throw new CommandError('encryption is off already', '`letterlock encryption status` shows what there is')
  if ((state === 'on' || state === 'sealing' || state === 'unsealing') && keyId !== null) return keyId
  throw new CommandError(
    `encryption is ${state} and cannot be turned off now`,
    problems[0]?.hint ?? 'wait until the rotation is through',
  )
}

/** Turns off, for whoever has proven that he may write to the server's files. */
export async function disable(db: Knex, status: Standing, place: KeyPlace, actor: string): Promise<void> {
  const keyId = keyToGiveUp(status)
  checkProof(place, keyId)
  if (status.state === 'unsealing') return
  if (!(await beginUnsealing(db, keyId, actor))) throw new CommandError('the key changed in this moment', tryAgain)
}

const longestProof = 256

/** The line that makes the proof. */
export function lineThatProves(place: KeyPlace, keyId: string): string {
  return `echo ${keyId} > ${proofFileOf(place)}`
}

/** That whoever asks may write to the server's files. */
export function checkProof(place: KeyPlace, keyId: string): void {
  const file = proofFileOf(place)
  const steps = `prove your access to the server’s files: \`${lineThatProves(place, keyId)}\`, then repeat this`
  let text: string
  try {
    if (!statSync(file).isFile()) throw new CommandError(`${file} is no regular file`, steps)
    text = readFileSync(file, 'utf8').slice(0, longestProof).trim()
  } catch (error) {
    if (error instanceof CommandError) throw error
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new CommandError(`the proof ${file} ${missing ? 'is not there' : 'cannot be read'}`, steps)
  }
  if (text === keyId) return
  throw new CommandError(`the proof ${file} ${text === '' ? 'is empty' : 'names another key'}`, steps)
}

/** Notes that `copy` is a copy of the key in use; returns its id. */
export async function proveBackup(db: Knex, place: KeyPlace, copy: string, actor: string): Promise<string> {
  const keyId = (await findKeys(db)).find(key => key.state === 'active')?.keyHex
  if (keyId === undefined)
    throw new CommandError('no key is in use, so there is no backup to prove', '`letterlock encryption enable` first')
  refuseSameFile(copy, place)
  const found = readKeyFile(copy, 'credential')
  if (found.kind === 'absent') throw new CommandError(`there is no file ${copy}`, 'check the path')
  if (found.kind === 'refused') throw new CommandError(`${copy} is no copy of the key`, found.hint)
  if (found.key.hex !== keyId) {
    throw new CommandError(
      `${copy} is the key ${found.key.hex}, and the one in use is ${keyId}`,
      `copy ${place.file} again`,
    )
  }
  await updateKey(db, keyId, { backupProven: true })
  await insertAudit(db, { actor, action: 'encryption.backup_proven', detail: { key: keyId } })
  return keyId
}

/** The key file is no backup of itself, by whatever name. */
function refuseSameFile(copy: string, place: KeyPlace): void {
  const [a, b] = [copy, place.file].map(file => statSync(file, { throwIfNoEntry: false }))
  if (a === undefined || b === undefined || a.ino !== b.ino || a.dev !== b.dev) return
  throw new CommandError(`${copy} is the key file itself`, 'copy it to another disk, and verify that copy')
}
