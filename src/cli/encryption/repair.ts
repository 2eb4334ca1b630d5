// `letterlock encryption recover` and `accept-destination`: what an operator decides when a key is lost, or an account moved.

import type { Knex } from 'knex'
import { CommandError } from '../../errors/errors.ts'
import { sentencesForCommand } from '../../errors/hints.ts'
import { destinationFaults } from '../../errors/mail.ts'
import { faultOfDestination } from '../../store/accounts/account-settings.ts'
import { getAccount } from '../../store/accounts/accounts.ts'
import { findDestinations, getDestination } from '../../store/accounts/destinations.ts'
import { confirmStates, type Decision, planConfirmation } from '../../vault/keys/confirm-state.ts'
import { lineThatMakesKey } from '../../vault/keys/key-file.ts'
import { filesOf, type Keyring, readKeyring } from '../../vault/keys/keyring.ts'
import { problemsOf } from '../../vault/sealing/encryption-problems.ts'
import { inspectRows } from '../../vault/sealing/inspect-rows.ts'
import { readFactsOfCommand } from '../../vault/sealing/read-facts.ts'
import { refuseNotVisible } from '../../vault/sealing/switches.ts'
import { recover } from '../../vault/sealing/transitions.ts'
import { acceptDestination } from '../../vault/secrets/accept-destination.ts'
import { destinationWords, secretWordsOf } from '../../vault/secrets/destination-words.ts'
import { actor } from '../actor.ts'
import { confirm, paint, print, printJson } from '../terminal.ts'
import { type EncryptionOptions, withKeys } from './encryption.ts'

/** Without the old key's id: what is lost, and what to do. With it: the key in place becomes the active one. */
export async function recoverKey(options: EncryptionOptions & { oldKeyId?: string }): Promise<void> {
  await withKeys(options, async (db, place) => {
    const ring = readKeyring(place)
    const facts = await readFactsOfCommand(db, ring)
    refuseNotVisible({ problems: problemsOf(facts, filesOf(place)) })
    const active = facts.rows.find(row => row.state === 'active')
    if (active === undefined)
      throw new CommandError('no key is active, so none can be lost', '`letterlock encryption status` says more')
    const { faults } = await inspectRows(db, ring)
    const accounts = [
      ...new Set(faults.filter(({ code }) => code === 'vault.key_missing').map(fault => fault.accountId)),
    ]
    if (options.oldKeyId === undefined) return await printLoss(db, active.keyHex, accounts, ring, options)
    if (options.oldKeyId !== active.keyHex)
      throw new CommandError(
        `the active key is ${active.keyHex}, not ${options.oldKeyId}`,
        'give the id that `encryption status` shows',
      )
    if (ring.find(active.keyHex) !== undefined) {
      throw new CommandError(
        `the key ${active.keyHex} is not lost: its file is here`,
        `put it at ${filesOf(place).current}`,
      )
    }
    const { current } = ring
    if (current.kind !== 'valid') {
      throw new CommandError(
        'there is no new key in place',
        current.kind === 'refused'
          ? sentencesForCommand(current)
          : `make one: \`${lineThatMakesKey(place.file)}\`, then run this again`,
      )
    }
    await confirm(
      `Give up the key ${active.keyHex} and go on with ${current.key.hex}? ${accounts.length} passwords must be entered again.`,
      options,
    )
    if (!(await recover(db, current.key, active.keyHex, keyHex => ring.find(keyHex), actor())))
      throw new CommandError(`the key ${current.key.hex} cannot be adopted`, 'it was in use before: make a new one')
    if (options.json) return await printJson([{ lost: active.keyHex, keyId: current.key.hex, accounts }])
    await print(paint('green', `the key ${current.key.hex} is the active one now`))
    await printAccounts(db, accounts)
  })
}

async function printLoss(
  db: Knex,
  keyId: string,
  accounts: number[],
  ring: Keyring,
  { json }: EncryptionOptions,
): Promise<void> {
  if (json) return await printJson([{ keyId, accounts }])
  if (accounts.length === 0) return await print(`the key ${keyId} is not lost: every sealed password finds its key`)
  const keyFile = ring.keyPaths.file
  if (ring.find(keyId) !== undefined) {
    await print(`${accounts.length} passwords are sealed under keys that are not here; the active one, ${keyId}, is.`)
    await print(`Put their key back as ${filesOf(ring.keyPaths).retired('ID')}, or enter the passwords again:`)
    return await printAccounts(db, accounts)
  }
  await print(
    `${accounts.length} passwords are sealed under a key that is not visible to this user (${keyId} is the active one).`,
  )
  await print('Where systemd gives the key to the service, look with `letterlock-admin encryption recover` first.')
  await print(`If a copy of its file is left anywhere, put it back at ${keyFile}: nothing more is needed.`)
  await print('If none is left:')
  await print(`  1. ${stepToNewKey(ring)}`)
  await print(`  2. letterlock encryption recover --old-key-id ${keyId}`)
  await print('  3. enter the passwords of these accounts again:')
  await printAccounts(db, accounts)
}

/** Never a command that would overwrite a key. */
function stepToNewKey({ current, keyPaths: { file } }: Keyring): string {
  const make = `make a new key: ${lineThatMakesKey(file)}`
  if (current.kind === 'absent') return make
  if (current.kind === 'refused') return `give ${file} another name, and ${make}`
  return `the key ${current.key.hex} is in place and becomes the new one; was it in use before, give its file another name, and ${make}`
}

async function printAccounts(db: Knex, accounts: readonly number[]): Promise<void> {
  const destinations = await findDestinations(db, accounts)
  for (const id of accounts)
    await print(`letterlock account set ${id} ${destinations.get(id)?.oauth ? '--oauth PROVIDER' : '--ask-password'}`)
}

/** Shows what is in doubt and what it becomes, asks, and signs it so. */
export async function confirmKeyStates(options: EncryptionOptions & { database?: boolean }): Promise<void> {
  await withKeys(options, async (db, place) => {
    const ring = readKeyring(place)
    const which = options.database ? 'database' : 'host'
    const planned = await planConfirmation(db, ring, which)
    if (planned.length > 0 && !options.json) for (const decision of planned) await print(inWords(decision))
    if (planned.length > 0 && options.dryRun) return
    if (planned.length > 0) await confirm('Let it be so?', options)
    const decided = await confirmStates(db, ring, which, actor())
    if (options.json) {
      const keys = decided.map(({ keyHex, says, becomes }) => ({ key: keyHex, database: says, becomes }))
      return await printJson([{ by: which, keys }])
    }
    await print(paint('green', 'confirmed; other hosts that still doubt it are to be told in the same way'))
  })
}

function inWords({ keyHex, kind, says, becomes }: Decision): string {
  if (kind === 'unsealing') return 'the request in the database to turn encryption off goes'
  const now = says === null ? 'the database does not know it' : `the database says ${says}`
  return `key ${keyHex}: ${becomes === null ? 'its line in the database goes' : `is ${becomes} from now on`} (${now})`
}

export async function acceptNewDestination(which: string, options: EncryptionOptions): Promise<void> {
  await withKeys(options, async (db, place) => {
    const account = await getAccount(db, which)
    const destination = await getDestination(db, account.id)
    const { oauth } = destination
    const fault = faultOfDestination(destination)
    if (fault !== undefined)
      throw new CommandError(
        `account ${account.id}: ${destinationFaults[fault.reason](fault.value)}`,
        `nothing can be sent there: correct it with \`letterlock account set ${account.id}\`, and find out who writes to the table`,
      )
    const [what, where] = [secretWordsOf(oauth), destinationWords(destination)]
    await confirm(`Let the sealed ${what} of account ${account.id} be sent to ${where}?`, options)
    const end = await acceptDestination(db, place, account.id, destination, actor())
    if (options.json) return await printJson([{ account: account.id, result: end }])
    await print(
      end === 'accepted'
        ? `the ${what} of account ${account.id} ${oauth === null ? 'is' : 'are'} bound to ${where} now`
        : `the ${what} of account ${account.id} ${oauth === null ? 'was' : 'were'} bound to ${where} already`,
    )
  })
}
