// `letterlock encryption …`: how it stands, turning it on and off, new keys, and the proof of a backup. The daemon does the work
// (an operation asks for it); these commands ask the person, and wait.

import type { Knex } from 'knex'
import { CommandError } from '../../errors/errors.ts'
import { sentencesForCommand } from '../../errors/hints.ts'
import { visible } from '../../foreign-text.ts'
import type { Deps } from '../../operations/deps.ts'
import {
  disableEncryption,
  enableEncryption,
  proveKeyBackup,
  rotateKey,
  verifyEncryption,
} from '../../operations/manage-encryption.ts'
import { filesOf, type KeyPaths } from '../../vault/keys/keyring.ts'
import { meanings } from '../../vault/sealing/encryption-state.ts'
import { type EncryptionStatus, readStatus, rowProblems } from '../../vault/sealing/status.ts'
import { checkProof, isGoingOff, keyToGiveUp, planEnable, planRotation } from '../../vault/sealing/switches.ts'
import { commandActor } from '../actor.ts'
import { type GlobalOptions, withDeps } from '../connect.ts'
import {
  ask,
  confirm,
  isInteractive,
  paint,
  print,
  printJson,
  progressBar,
  remark,
  type Style,
  time,
} from '../terminal.ts'
import { waitForDaemon } from './wait.ts'

export interface EncryptionOptions extends GlobalOptions {
  json?: boolean
  yes?: boolean
  dryRun?: boolean
}

const colours: Record<EncryptionStatus['state'], Style> = {
  off: 'yellow',
  sealing: 'cyan',
  on: 'green',
  rotating: 'cyan',
  unsealing: 'cyan',
  locked: 'red',
}

/** Lends what operations work with; the database and the key files stand first. */
export async function withKeys<T>(
  options: GlobalOptions,
  use: (db: Knex, keys: KeyPaths, deps: Deps) => Promise<T>,
): Promise<T> {
  return await withDeps(options, deps => use(deps.db, deps.keys, deps))
}

export async function showStatus(options: EncryptionOptions): Promise<void> {
  await withKeys(options, async (db, place) => await printStatus(await readStatus(db, place, new Date()), options))
}

/** With the problems in words. */
function toJson({ problems, ...status }: EncryptionStatus): object {
  return { ...status, problems: problems.map(problem => ({ code: problem.code, hint: sentencesForCommand(problem) })) }
}

export async function printStatus(status: EncryptionStatus, { json }: EncryptionOptions): Promise<void> {
  if (json) return await printJson([toJson(status)])
  const { state, progress, workers } = status
  const lines: [string, string][] = [
    ['state', `${paint(colours[state], state)}: ${meanings[state]}`],
    ...(progress === null ? [] : [['progress', `${progress.done} of ${progress.total}`] as [string, string]]),
    ['key file', status.keyFile],
    ['key id', status.keyId ?? '-'],
    ...(status.nextKeyId === null ? [] : [['next key', status.nextKeyId] as [string, string]]),
    ['backup', status.backup === null ? 'not proven' : `proven ${time(status.backup.provenAt)}`],
    ['sealed', String(status.sealed)],
    ['plaintext', String(status.plaintext)],
    ['unreadable', String(status.unreadable)],
    ['last plaintext', time(status.lastPlaintextSeenAt)],
    ...workers.map(({ host, keyIds }): [string, string] => [
      'daemon',
      visible(`${host}, holds ${keyIds.join(', ') || 'no key'}`),
    ]),
  ]
  for (const [name, value] of lines) await print(`${paint('bold', name.padEnd(14))} ${value}`)
  for (const problem of status.problems)
    await print(`${paint('yellow', '→')} ${problem.code}: ${sentencesForCommand(problem)}`)
}

/** Resolves to 1 if a password does not open, or may not be sent to where its account points. */
export async function verify(options: EncryptionOptions): Promise<0 | 1> {
  return await withDeps(options, async deps => {
    using bar = progressBar('opened')
    const opened = (done: number, total: number): void => bar.set(done, total)
    const { sealed, faults } = await verifyEncryption.run({ ...deps, opened }, commandActor(), {})
    const unreadable = faults.map(({ accountId, code }) => ({ account: accountId, code }))
    if (options.json) await printJson([{ sealed, readable: sealed - unreadable.length, unreadable }])
    else {
      for (const { account, code } of unreadable) await print(`account ${account}: ${code}`)
      for (const problem of rowProblems(faults)) remark(sentencesForCommand(problem))
      const verdict = `${sealed - unreadable.length} of ${sealed} sealed passwords open`
      await print(paint(unreadable.length === 0 ? 'green' : 'red', verdict))
    }
    return unreadable.length === 0 ? 0 : 1
  })
}

export interface Acknowledgements {
  iAcceptKeyLoss?: boolean
  iHaveAKeyBackup?: boolean
}

export async function enable(options: EncryptionOptions & Acknowledgements): Promise<void> {
  refuseWithoutAcknowledgements(options)
  await withKeys(options, async (db, place, deps) => {
    const { state, step } = await planEnable(db, place)
    if (state === 'off' || state === 'unsealing') await askAcknowledgements(options, place)
    if (state === 'off') await warnOfResidue(db)
    const acknowledged = { acceptKeyLoss: true, haveKeyBackup: true } as const
    if (step !== 'wait') await enableEncryption.run(deps, commandActor(), acknowledged)
    if (step === 'make-key') remark(`made the key file ${place.file}: back it up now, apart from the database`)
    const end = await waitForDaemon(
      db,
      place,
      'sealed',
      status => status.state === 'on' && (state !== 'unsealing' || status.plaintext === 0),
    )
    if (end === undefined) return await leaveToDaemon(db, place, options)
    await printStatus(end, options)
    remark(
      '\nNow change the passwords of the mailboxes at their mail servers: old copies of the database hold the ones of today.',
    )
    remark('`letterlock encryption audit` says where such copies may lie.')
  })
}

function refuseWithoutAcknowledgements(options: Acknowledgements): void {
  if (isInteractive()) return
  const missing = [
    ...(options.iAcceptKeyLoss ? [] : ['--i-accept-key-loss (who loses the key file loses the sealed passwords)']),
    ...(options.iHaveAKeyBackup ? [] : ['--i-have-a-key-backup (a secure way of backing up the key file is prepared)']),
  ]
  if (missing.length === 0) return
  throw new CommandError(
    `two acknowledgements are needed, and nothing was done; missing: ${missing.join(', ')}`,
    'give both options if both are true',
    2,
  )
}

async function askAcknowledgements(options: Acknowledgements, place: KeyPaths): Promise<void> {
  if (!options.iAcceptKeyLoss) {
    await askToType(
      `The key file will be ${place.file}. Whoever loses it loses all sealed passwords: nothing can bring them back.`,
      'I accept key loss',
    )
  }
  if (!options.iHaveAKeyBackup) {
    await askToType(
      'The key file must be backed up, securely and apart from the backups of the database.',
      'I have a key backup',
    )
  }
}

async function askToType(statement: string, words: string): Promise<void> {
  const answer = await ask(`${statement}\nType "${words}" to go on: `)
  if (answer.trim().toLowerCase() !== words.toLowerCase()) throw new CommandError('nothing was done')
}

async function warnOfResidue(db: Knex): Promise<void> {
  const { warnings } = await import('./audit.ts')
  for (const warning of await warnings(db)) remark(warning)
}

async function leaveToDaemon(db: Knex, place: KeyPaths, options: EncryptionOptions): Promise<void> {
  if (options.json) return await printJson([toJson(await readStatus(db, place, new Date()))])
  await print('no daemon runs now: it goes on as soon as one does')
}

export async function rotate(options: EncryptionOptions): Promise<void> {
  await withKeys(options, async (db, place, deps) => {
    const before = await readStatus(db, place, new Date())
    if (options.dryRun && (before.state === 'on' || before.state === 'rotating')) {
      const { next, retired } = filesOf(place)
      return await print(
        `would make ${next}, reseal ${before.sealed} passwords under it, and keep the old key as ${retired(before.keyId ?? '')}`,
      )
    }
    if (planRotation(before, place) === 'make-key') {
      await confirm(
        `Reseal ${before.sealed} passwords under a new key? The old key file is kept; the new one must be backed up too.`,
        options,
      )
      await rotateKey.run(deps, commandActor(), { haveKeyBackup: true })
      remark(`made the key file ${filesOf(place).next}: back it up now, apart from the database`)
    }
    const end = await waitForDaemon(
      db,
      place,
      'resealed',
      status => status.state === 'on' && status.keyId !== before.keyId && status.nextKeyId === null,
    )
    if (end === undefined) return await leaveToDaemon(db, place, options)
    await printStatus(end, options)
  })
}

export async function disable(options: EncryptionOptions): Promise<void> {
  await withKeys(options, async (db, place, deps) => {
    const before = await readStatus(db, place, new Date())
    const keyId = keyToGiveUp(before)
    const isUnderWay = await isGoingOff(db, place)
    if (!isUnderWay) checkProof(place, keyId)
    if (options.dryRun)
      return await print(`would put ${before.sealed} passwords back in plaintext and retire the key ${keyId}`)
    if (!isUnderWay) {
      await confirm(
        `Put ${before.sealed} passwords back in plaintext? Whoever reads the database can read them then.`,
        options,
      )
      await disableEncryption.run(deps, commandActor(), {})
    }
    const end = await waitForDaemon(db, place, 'unsealed', isOff())
    if (end === undefined) return await leaveToDaemon(db, place, options)
    await printStatus(end, options)
    if (place.origin === 'credential')
      remark('take the LoadCredential line of encryption-key.bin out of the unit: that key is no longer in use')
  })
}

/** Off, and the key file has its retired name; where the daemon may not rename it, that is told after a while. */
function isOff(): (status: EncryptionStatus) => boolean {
  let offSince: number | undefined
  return ({ state, problems }) => {
    if (state !== 'off') return false
    offSince ??= Date.now()
    return !problems.some(({ code }) => code === 'key_file.retired_key') || Date.now() - offSince > renamedWithinMs
  }
}

const renamedWithinMs = 10_000

export async function verifyBackup(options: EncryptionOptions & { verify: string }): Promise<void> {
  await withDeps(options, async deps => {
    const { keyId } = await proveKeyBackup.run(deps, commandActor(), { copy: options.verify })
    if (options.json) return await printJson([{ keyId, proven: true }])
    await print(paint('green', `${options.verify} is a copy of the key ${keyId}`))
  })
}
