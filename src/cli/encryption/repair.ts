// `letterlock encryption recover` and `accept-destination`: what an operator decides when a key is lost, or an account moved.

import type { Knex } from 'knex'
import { CommandError } from '../../errors/errors.ts'
import { destinationFaults } from '../../errors/mail.ts'
import {
  acceptNewDestination as acceptDestination,
  confirmKeyStates as confirmStates,
  findLostKey,
  planAcceptance,
  planRecovery,
  recoverEncryption,
} from '../../operations/manage-encryption.ts'
import { faultOfDestination } from '../../store/accounts/account-settings.ts'
import { findDestinations } from '../../store/accounts/destinations.ts'
import { type Decision, planConfirmation } from '../../vault/keys/confirm-state.ts'
import { lineThatMakesKey } from '../../vault/keys/key-file.ts'
import { filesOf, type Keyring, readKeyring } from '../../vault/keys/keyring.ts'
import { destinationWords, secretWordsOf } from '../../vault/secrets/destination-words.ts'
import { commandActor } from '../actor.ts'
import { withDeps } from '../connect.ts'
import { confirm, paint, print, printJson } from '../terminal.ts'
import { type EncryptionOptions, withKeys } from './encryption.ts'

/** Without the old key's id: what is lost, and what to do. With it: the key in place becomes the active one. */
export async function recoverKey(options: EncryptionOptions & { oldKeyId?: string }): Promise<void> {
  await withDeps(options, async deps => {
    const { oldKeyId } = options
    if (oldKeyId === undefined) {
      const { keyId, accounts } = await findLostKey(deps)
      return await printLoss(deps.db, keyId, accounts, readKeyring(deps.keys), options)
    }
    const planned = await planRecovery(deps, oldKeyId)
    await confirm(
      `Give up the key ${planned.keyId} and go on with ${planned.newKeyId}? ${planned.accounts.length} passwords must be entered again.`,
      options,
    )
    const { keyId, newKeyId, accounts } = await recoverEncryption.run(deps, commandActor(), { oldKeyId })
    if (options.json) return await printJson([{ lost: keyId, keyId: newKeyId, accounts }])
    await print(paint('green', `the key ${newKeyId} is the active one now`))
    await printAccounts(deps.db, accounts)
  })
}

async function printLoss(
  db: Knex,
  keyId: string,
  accounts: readonly number[],
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
  await withKeys(options, async (db, place, deps) => {
    const ring = readKeyring(place)
    const which = options.database ? 'database' : 'host'
    const planned = await planConfirmation(db, ring, which)
    if (planned.length > 0 && !options.json) for (const decision of planned) await print(inWords(decision))
    if (planned.length > 0 && options.dryRun) return
    if (planned.length > 0) await confirm('Let it be so?', options)
    const decided = await confirmStates.run(deps, commandActor(), { by: which })
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
  await withDeps(options, async deps => {
    const { id, destination, mark } = await planAcceptance(deps, which)
    const { oauth } = destination
    const fault = faultOfDestination(destination)
    if (fault !== undefined)
      throw new CommandError(
        `account ${id}: ${destinationFaults[fault.reason](fault.value)}`,
        `nothing can be sent there: correct it with \`letterlock account set ${id}\`, and find out who writes to the table`,
      )
    const [what, where] = [secretWordsOf(oauth), destinationWords(destination)]
    await confirm(`Let the sealed ${what} of account ${id} be sent to ${where}?`, options)
    const { result: end } = await acceptDestination.run(deps, commandActor(), { account: id, confirm: mark })
    if (options.json) return await printJson([{ account: id, result: end }])
    await print(
      end === 'accepted'
        ? `the ${what} of account ${id} ${oauth === null ? 'is' : 'are'} bound to ${where} now`
        : `the ${what} of account ${id} ${oauth === null ? 'was' : 'were'} bound to ${where} already`,
    )
  })
}
