// `letterlock encryption …`: how it stands, turning it on and off, new keys, and the proof of a backup. The daemon does the work; these
// commands make or check files, write down what is asked for, and wait.
import { readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import { CommandError } from '../errors.ts'
import { insertAudit } from '../store/audit.ts'
import { updateKey } from '../store/encryption-keys.ts'
import { encryptionState, problemsOf } from '../vault/encryption-state.ts'
import { inspectRows } from '../vault/inspect-rows.ts'
import { createKeyFile, readKeyFile } from '../vault/key-file.ts'
import { filesOf, type KeyPlace, keysOf, proofFileOf, readKeyring } from '../vault/keyring.ts'
import { readFacts } from '../vault/read-facts.ts'
import { type EncryptionStatus, readStatus, rowProblems } from '../vault/status.ts'
import { beginUnsealing, cancelUnsealing } from '../vault/transitions.ts'
import { actor } from './actor.ts'
import { type GlobalOptions, withDatabase } from './connect.ts'
import { waitForDaemon } from './encryption-wait.ts'
import {
  ask,
  confirm,
  harmless,
  isInteractive,
  paint,
  print,
  printJson,
  progressBar,
  remark,
  type Style,
  time,
} from './terminal.ts'

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

const meanings: Record<EncryptionStatus['state'], string> = {
  off: 'passwords are in plaintext',
  sealing: 'passwords are being sealed',
  on: 'every password is sealed',
  rotating: 'passwords are being resealed under the next key',
  unsealing: 'passwords are being put back in plaintext',
  locked: 'sealed passwords cannot be opened here',
}

/** Lends a database and the place of the keys. */
export async function withKeys<T>(options: GlobalOptions, use: (db: Knex, place: KeyPlace) => Promise<T>): Promise<T> {
  return await withDatabase(options, (db, config) => use(db, keysOf(config)))
}

export async function showStatus(options: EncryptionOptions): Promise<void> {
  await withKeys(options, async (db, place) => await printStatus(await readStatus(db, place, new Date()), options))
}

export async function printStatus(status: EncryptionStatus, { json }: EncryptionOptions): Promise<void> {
  if (json) return await printJson([status])
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
      `${host}, holds ${keyIds.join(', ') || 'no key'}`,
    ]),
  ]
  for (const [name, value] of lines) await print(`${paint('bold', name.padEnd(14))} ${value}`)
  for (const problem of status.problems)
    await print(`${paint('yellow', '→')} ${problem.code}: ${harmless(problem.hint)}`)
}

/** Resolves to 1 if a password does not open, or may not be sent to where its account points. */
export async function verify(options: EncryptionOptions): Promise<0 | 1> {
  return await withKeys(options, async (db, place) => {
    const ring = readKeyring(place)
    const total = (await readStatus(db, place, new Date())).sealed
    using bar = progressBar('opened')
    const { sealed, faults } = await inspectRows(db, ring, { progress: done => bar.set(done, Math.max(done, total)) })
    const unreadable = faults.map(({ accountId, code }) => ({ account: accountId, code }))
    if (options.json) await printJson([{ sealed, readable: sealed - unreadable.length, unreadable }])
    else {
      for (const { account, code } of unreadable) await print(`account ${account}: ${code}`)
      for (const { hint } of rowProblems(faults)) remark(hint)
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
  await withKeys(options, async (db, place) => {
    const facts = await readFacts(db, readKeyring(place))
    const state = encryptionState(facts)
    const [problem] = problemsOf(facts, filesOf(place))
    if (state === 'locked') throw new CommandError('encryption is locked, and no key is made now', problem?.hint)
    if (state === 'off' && facts.current.kind === 'refused')
      throw new CommandError('the key file in place is refused', problem?.hint)
    if (state === 'off' && facts.current.kind === 'absent') refuseReadOnly(place, 'encryption-key.bin')
    if (state === 'off' || state === 'unsealing') await askAcknowledgements(options, place)
    if (state === 'off') await warnOfResidue(db)
    if (state === 'off' && facts.current.kind === 'absent') makeKeyFile(place.file)
    if (state === 'unsealing') await takeBack(db, place)
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

/** On second thoughts: the request goes, and the proof with it. */
async function takeBack(db: Knex, place: KeyPlace): Promise<void> {
  if (!(await cancelUnsealing(db, actor())))
    throw new CommandError('encryption was turned off in this moment', 'run the command again')
  rmSync(proofFileOf(place), { force: true })
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

async function askAcknowledgements(options: Acknowledgements, place: KeyPlace): Promise<void> {
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
    if (code === 'EEXIST') throw new CommandError(`${file} has appeared in this moment`, 'run the command again')
    throw new CommandError(
      `the key file ${file} cannot be made (${code})`,
      code === 'ENOENT'
        ? `make the directory first: \`install -d -m 0700 ${path.dirname(file)}\``
        : 'run the command on the server as root or as the service user, and check the disk',
    )
  }
  remark(`made the key file ${file}: back it up now, apart from the database`)
}

async function warnOfResidue(db: Knex): Promise<void> {
  const { warnings } = await import('./encryption-audit.ts')
  for (const warning of await warnings(db)) remark(warning)
}

async function leaveToDaemon(db: Knex, place: KeyPlace, options: EncryptionOptions): Promise<void> {
  if (options.json) return await printJson([await readStatus(db, place, new Date())])
  await print('no daemon runs now: it goes on as soon as one does')
}

export async function rotate(options: EncryptionOptions): Promise<void> {
  await withKeys(options, async (db, place) => {
    const before = await readStatus(db, place, new Date())
    if (before.state !== 'on' && before.state !== 'rotating') {
      throw new CommandError(
        `encryption is ${before.state}: a key is changed only while it is on`,
        before.problems[0]?.hint ?? '`letterlock encryption status` says more',
      )
    }
    const { next } = filesOf(place)
    if (options.dryRun) {
      return await print(
        `would make ${next}, reseal ${before.sealed} passwords under it, and keep the old key as ${filesOf(place).retired(before.keyId ?? '')}`,
      )
    }
    if (before.state === 'on' && before.nextKeyId === null) {
      refuseReadOnly(place, 'encryption-key.next.bin')
      await confirm(`Reseal ${before.sealed} passwords under a new key? The old key file is kept.`, options)
      makeKeyFile(next)
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
  await withKeys(options, async (db, place) => {
    const before = await readStatus(db, place, new Date())
    if (before.state === 'off') throw new CommandError('encryption is off already')
    if (before.state !== 'on' && before.state !== 'sealing' && before.state !== 'unsealing') {
      throw new CommandError(
        `encryption is ${before.state} and cannot be turned off now`,
        before.problems[0]?.hint ?? 'wait until the rotation is through',
      )
    }
    const keyId = before.keyId ?? ''
    checkProof(proofFileOf(place), keyId)
    if (options.dryRun)
      return await print(`would put ${before.sealed} passwords back in plaintext and retire the key ${keyId}`)
    if (before.state !== 'unsealing') {
      await confirm(
        `Put ${before.sealed} passwords back in plaintext? Whoever reads the database can read them then.`,
        options,
      )
      if (!(await beginUnsealing(db, keyId, actor())))
        throw new CommandError('the key changed in this moment', 'run the command again')
    }
    const end = await waitForDaemon(db, place, 'unsealed', status => status.state === 'off')
    if (end === undefined) return await leaveToDaemon(db, place, options)
    await printStatus(end, options)
    if (place.origin === 'credential')
      remark('take the LoadCredential line of encryption-key.bin out of the unit: that key is no longer in use')
  })
}

const longestProof = 256

/** That whoever asks may write to the server's files. Throws CommandError that says what to create. */
function checkProof(file: string, keyId: string): void {
  const steps = `prove your access to the server’s files: \`echo ${keyId} > ${file}\`, then run this again`
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

export async function verifyBackup(options: EncryptionOptions & { verify: string }): Promise<void> {
  await withKeys(options, async (db, place) => {
    const { keyId } = await readStatus(db, place, new Date())
    if (keyId === null)
      throw new CommandError('no key is in use, so there is no backup to prove', '`letterlock encryption enable` first')
    refuseSameFile(options.verify, place)
    const copy = readKeyFile(options.verify, 'credential')
    if (copy.kind === 'absent') throw new CommandError(`there is no file ${options.verify}`, 'check the path')
    if (copy.kind === 'refused') throw new CommandError(`${options.verify} is no copy of the key`, copy.hint)
    if (copy.key.hex !== keyId) {
      throw new CommandError(
        `${options.verify} is the key ${copy.key.hex}, and the one in use is ${keyId}`,
        `copy ${place.file} again`,
      )
    }
    await updateKey(db, keyId, { backupProven: true })
    await insertAudit(db, { actor: actor(), action: 'encryption.backup_proven', detail: { key: keyId } })
    if (options.json) return await printJson([{ keyId, proven: true }])
    await print(paint('green', `${options.verify} is a copy of the key ${keyId}`))
  })
}

/** The key file is no backup of itself, by whatever name. */
function refuseSameFile(copy: string, place: KeyPlace): void {
  const [a, b] = [copy, place.file].map(file => statSync(file, { throwIfNoEntry: false }))
  if (a === undefined || b === undefined || a.ino !== b.ino || a.dev !== b.dev) return
  throw new CommandError(`${copy} is the key file itself`, 'copy it to another disk, and verify that copy')
}
