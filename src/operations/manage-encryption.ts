// Encryption: what can be asked for by command or on a page. The vault checks that it may be, makes or reads a file, and writes down what is asked
// for, each time with its audit row in the same transaction; the daemon does the work.
import { z } from 'zod'
import { OperationError } from '../errors/errors.ts'
import { getAccount } from '../store/accounts/accounts.ts'
import { type AccountDestination, getDestination } from '../store/accounts/destinations.ts'
import { inTransaction } from '../store/db/database.ts'
import { writeScrubbedAt } from '../store/secrets/encryption-keys.ts'
import { confirmStates, type Decision } from '../vault/keys/confirm-state.ts'
import { keyFileToMake } from '../vault/keys/key-file.ts'
import { filesOf, readKeyring } from '../vault/keys/keyring.ts'
import { type ScrubReport, scrub } from '../vault/residue/scrub.ts'
import { problemsOf } from '../vault/sealing/encryption-problems.ts'
import { type Inspection, inspectRows } from '../vault/sealing/inspect-rows.ts'
import { readFactsOfCommand } from '../vault/sealing/read-facts.ts'
import { type EncryptionStatus, readStatus } from '../vault/sealing/status.ts'
import { disable, type EnablePlan, enable, proveBackup, refuseNotVisible, rotate } from '../vault/sealing/switches.ts'
import { recover } from '../vault/sealing/transitions.ts'
import { acceptDestination } from '../vault/secrets/accept-destination.ts'
import { oauthDestination } from '../vault/secrets/envelope.ts'
import { whichAccount } from './account-input.ts'
import type { Deps } from './deps.ts'
import { auditName, defineOperation } from './operation.ts'

type KeyDeps = Pick<Deps, 'db' | 'keys'>

function acknowledged(meaning: string) {
  return z.literal(true, { error: 'must be acknowledged' }).describe(meaning)
}

export const enableEncryption = defineOperation({
  name: 'encryption.enable',
  who: 'admin',
  summary: 'create a key file and seal every password',
  input: z.strictObject({
    acceptKeyLoss: acknowledged('you accept that without the key file the sealed passwords are lost'),
    haveKeyBackup: acknowledged('you have prepared a secure backup of the key file'),
  }),
  work: ({ db, keys }: KeyDeps, { actor }): Promise<EnablePlan> => enable(db, keys, auditName(actor)),
})

export const rotateKey = defineOperation({
  name: 'encryption.rotate',
  who: 'admin',
  summary: 'create a new key, reseal every password under it and retire the old key',
  input: z.strictObject({ haveKeyBackup: acknowledged('the new key file will be backed up too') }),
  async work({ db, keys }: KeyDeps, { actor }): Promise<void> {
    await rotate(db, await readCounts({ db, keys }), keys, auditName(actor))
  },
})

export const disableEncryption = defineOperation({
  name: 'encryption.disable',
  who: 'admin',
  summary: 'turn every password back into plaintext; needs a proof that you can write files on the server',
  input: z.strictObject({}),
  async work({ db, keys }: KeyDeps, { actor }): Promise<void> {
    await disable(db, await readCounts({ db, keys }), keys, auditName(actor))
  },
})

async function readCounts({ db, keys }: KeyDeps): Promise<EncryptionStatus> {
  return await readStatus(db, keys, new Date(), 'counts')
}

export interface VerifyDeps extends KeyDeps {
  /** Is told how many were opened, of how many. */
  opened?(done: number, total: number): void
}

export const verifyEncryption = defineOperation({
  name: 'encryption.verify',
  who: 'admin',
  summary: 'open every sealed password, and name the accounts whose password does not open',
  input: z.strictObject({
    limit: z.int().positive().optional().describe('opens the first ones only; all take a while'),
  }),
  async work({ db, keys, opened }: VerifyDeps, { input, audit }): Promise<Inspection> {
    const status = await readCounts({ db, keys })
    refuseNotVisible(status)
    const inspection = await inspectRows(db, readKeyring(keys), {
      ...(input.limit === undefined ? {} : { limit: input.limit }),
      progress: done => opened?.(done, Math.max(done, status.sealed)),
    })
    const detail = { sealed: inspection.sealed, unreadable: inspection.faults.length }
    await inTransaction(db, trx => audit(trx, { detail }))
    return inspection
  },
})

export const proveKeyBackup = defineOperation({
  name: 'encryption.prove_backup',
  who: 'admin',
  summary: 'prove that a file is a copy of the key',
  input: z.strictObject({ copy: z.string().min(1, { error: 'is missing' }).describe('the copy') }),
  async work({ db, keys }: KeyDeps, { input, actor }): Promise<{ keyId: string }> {
    return { keyId: await proveBackup(db, keys, input.copy, auditName(actor)) }
  },
})

/** What a person has to be shown before an account's sealed secrets are bound to where it points now, and what stands for their yes. */
export interface AcceptPlan {
  id: number
  destination: AccountDestination
  mark: string
}

export async function planAcceptance({ db }: Pick<Deps, 'db'>, account: string): Promise<AcceptPlan> {
  const { id } = await getAccount(db, account)
  const destination = await getDestination(db, id)
  return { id, destination, mark: markOf(destination) }
}

function markOf({ oauth, ...destination }: AccountDestination): string {
  return oauthDestination(oauth ?? { tokenEndpoint: '', clientId: '' }, destination).toString('hex')
}

export const acceptNewDestination = defineOperation({
  name: 'encryption.accept_destination',
  who: 'admin',
  summary: 'allow a sealed password to be sent to the server and user name that its account has now',
  input: z.strictObject({
    account: whichAccount,
    confirm: z
      .string()
      .regex(/^[0-9a-f]{32}$/, { error: 'must be the mark of a destination' })
      .describe('the destination that a person was shown, and said yes to'),
  }),
  async work({ db, keys }: KeyDeps, { input, actor }): Promise<{ id: number; result: 'accepted' | 'unchanged' }> {
    const { id, destination, mark } = await planAcceptance({ db }, input.account)
    if (mark !== input.confirm) throw new OperationError('account.changed_meanwhile', { account: id })
    // Compares it once more, with the row locked.
    return { id, result: await acceptDestination(db, keys, id, destination, auditName(actor)) }
  },
})

export interface LostKey {
  keyId: string
  /** Accounts whose password has to be entered again. */
  accounts: readonly number[]
}

/** The active key, and the accounts whose secrets no key here opens. */
export async function findLostKey({ db, keys }: KeyDeps): Promise<LostKey> {
  const ring = readKeyring(keys)
  const facts = await readFactsOfCommand(db, ring)
  refuseNotVisible({ problems: problemsOf(facts, filesOf(keys)) })
  const active = facts.rows.find(row => row.state === 'active')
  if (active === undefined) throw new OperationError('encryption.no_key', { reason: 'lost' })
  const { faults } = await inspectRows(db, ring)
  const missing = faults.filter(({ code }) => code === 'vault.key_missing')
  return { keyId: active.keyHex, accounts: [...new Set(missing.map(({ accountId }) => accountId))] }
}

/** What giving up the active key would do. Throws where it is another one, is not lost, or no new key is in place. */
export async function planRecovery(deps: KeyDeps, oldKeyId: string): Promise<LostKey & { newKeyId: string }> {
  const lost = await findLostKey(deps)
  const { keyId } = lost
  const ring = readKeyring(deps.keys)
  const { current } = filesOf(deps.keys)
  if (oldKeyId !== keyId) throw new OperationError('encryption.other_key_active', { keyId, given: oldKeyId })
  if (ring.find(keyId) !== undefined) throw new OperationError('encryption.key_not_lost', { keyId, file: current })
  if (ring.current.kind === 'valid') return { ...lost, newKeyId: ring.current.key.hex }
  if (ring.current.kind === 'refused')
    throw new OperationError('encryption.key_file_refused', {}, { because: [ring.current] })
  throw new OperationError('encryption.no_new_key', keyFileToMake(deps.keys.file))
}

export const recoverEncryption = defineOperation({
  name: 'encryption.recover',
  who: 'admin',
  summary: 'after the key is lost for good: continue with the new key that is in place',
  input: z.strictObject({
    oldKeyId: z.string().max(64).describe('the id of the lost key, as `encryption status` shows it'),
  }),
  async work(deps: KeyDeps, { input, actor }): Promise<LostKey & { newKeyId: string }> {
    const plan = await planRecovery(deps, input.oldKeyId)
    const ring = readKeyring(deps.keys)
    const { current } = ring
    const isDone =
      current.kind === 'valid' &&
      current.key.hex === plan.newKeyId &&
      (await recover(deps.db, current.key, plan.keyId, keyHex => ring.find(keyHex), auditName(actor)))
    if (isDone) return plan
    throw new OperationError('encryption.key_used_before', { keyId: plan.newKeyId })
  },
})

export const confirmKeyStates = defineOperation({
  name: 'encryption.confirm_state',
  who: 'admin',
  summary: 'resolve key states in the database that this host does not believe: correct them, or accept them',
  input: z.strictObject({
    by: z
      .enum(['host', 'database'])
      .describe('accept what the database says: you restored an older backup and want to use its keys again'),
  }),
  work: ({ db, keys }: KeyDeps, { input, actor }): Promise<Decision[]> =>
    confirmStates(db, readKeyring(keys), input.by, auditName(actor)),
})

export const scrubPlaintext = defineOperation({
  name: 'encryption.scrub',
  who: 'admin',
  summary: 'rebuild the table and overwrite the logs of the database, as far as the database user may',
  input: z.strictObject({}),
  async work({ db, say }: Pick<Deps, 'db' | 'say'>, { audit }): Promise<ScrubReport> {
    const report = await scrub(db, { table: 'credentials', progress: say })
    await inTransaction(db, async trx => {
      if (report.scrubbedAt !== null) await writeScrubbedAt(trx, report.scrubbedAt)
      await audit(trx, { detail: { bytes: report.writtenBytes } })
    })
    return report
  },
})
