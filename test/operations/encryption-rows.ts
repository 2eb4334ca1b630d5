import { copyFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  acceptNewDestination,
  confirmKeyStates,
  disableEncryption,
  enableEncryption,
  planAcceptance,
  proveKeyBackup,
  recoverEncryption,
  rotateKey,
  scrubPlaintext,
  verifyEncryption,
} from '../../src/operations/manage-encryption.ts'
import { proofName, readKeyring } from '../../src/vault/keys/keyring.ts'
import { adoptKey, completeSealing } from '../../src/vault/sealing/transitions.ts'
import { toKey } from '../../src/vault/secrets/envelope.ts'
import { hexOf, writeKey } from '../support/sealing.ts'
import type { Row, Scene } from './scene.ts'

/** No key, no secret, and nothing that is remembered of keys. */
async function turnedOff({ deps: { db, keys } }: Scene): Promise<void> {
  for (const name of readdirSync(keys.dataDirectory)) {
    const file = path.join(keys.dataDirectory, name)
    if (statSync(file).isFile()) rmSync(file)
  }
  await db('settings').where('name', 'like', 'encryption_%').delete()
  await db('credentials').delete()
  await db('encryption_keys').delete()
}

/** A key is in use, and nothing is left in plaintext; resolves to its id. */
async function turnedOn(scene: Scene): Promise<string> {
  await turnedOff(scene)
  const { db, keys } = scene.deps
  const bytes = writeKey(keys.file)
  await adoptKey(db, toKey(Buffer.from(bytes)), 'test')
  await completeSealing(db, readKeyring(keys), 'test')
  return hexOf(bytes)
}

const onServer = 'it takes a person with access to the server’s files'
const acknowledged = { acceptKeyLoss: true, haveKeyBackup: true }

export const encryptionRows: readonly Row[] = [
  {
    operation: enableEncryption,
    command: {
      name: 'encryption enable',
      fields: { acceptKeyLoss: '--i-accept-key-loss', haveKeyBackup: '--i-have-a-key-backup' },
    },
    web: { route: 'POST /server/encryption/enable' },
    async input(scene) {
      await turnedOff(scene)
      return acknowledged
    },
  },
  {
    operation: rotateKey,
    command: { name: 'encryption rotate', fields: { haveKeyBackup: '--yes' } },
    web: { route: 'POST /server/encryption/rotate' },
    async input(scene) {
      await turnedOn(scene)
      return { haveKeyBackup: true }
    },
  },
  {
    operation: disableEncryption,
    command: { name: 'encryption disable', fields: {} },
    web: { route: 'POST /server/encryption/disable' },
    audits: ['encryption.unsealing'],
    async input(scene) {
      writeFileSync(path.join(scene.deps.keys.dataDirectory, proofName), await turnedOn(scene))
      return {}
    },
  },
  {
    operation: verifyEncryption,
    command: { name: 'encryption verify', fields: { limit: 'a command opens all, and shows how far it is' } },
    web: { route: 'POST /server/encryption/verify' },
    async input(scene) {
      await turnedOn(scene)
      return {}
    },
  },
  {
    operation: proveKeyBackup,
    command: { name: 'encryption backup', fields: { copy: '--verify' } },
    web: { none: `${onServer}: the copy lies on a disk there` },
    audits: ['encryption.backup_proven'],
    async input(scene) {
      await turnedOn(scene)
      const { keys } = scene.deps
      const copy = path.join(keys.dataDirectory, 'copy.bin')
      copyFileSync(keys.file, copy)
      return { copy }
    },
  },
  {
    operation: acceptNewDestination,
    command: { name: 'encryption accept-destination', fields: { account: '<account>', confirm: '--yes' } },
    web: { none: `${onServer}: writing to the database must not be enough to have a password sent elsewhere` },
    async input(scene) {
      await turnedOn(scene)
      const account = await scene.addAccount()
      await scene.deps.db('accounts').where({ id: account }).update({ host: 'imap2.invalid' })
      return { account, confirm: (await planAcceptance(scene.deps, String(account))).mark }
    },
  },
  {
    operation: recoverEncryption,
    command: { name: 'encryption recover', fields: { oldKeyId: '--old-key-id' } },
    web: { none: `${onServer}: the new key is made there` },
    audits: ['encryption.recovered'],
    async input(scene) {
      const oldKeyId = await turnedOn(scene)
      await scene.addAccount()
      rmSync(scene.deps.keys.file)
      writeKey(scene.deps.keys.file)
      return { oldKeyId }
    },
  },
  {
    operation: confirmKeyStates,
    command: { name: 'encryption confirm-state', fields: { by: '--database' } },
    web: { none: `${onServer}: it is about what this host has seen of its keys` },
    audits: ['encryption.state_confirmed'],
    async input(scene) {
      await turnedOn(scene)
      const { db, keys } = scene.deps
      await scene.addAccount()
      await db('encryption_keys').update({ state: 'retired' })
      readKeyring(keys)
      return { by: 'host' }
    },
  },
  {
    operation: scrubPlaintext,
    command: { name: 'encryption audit', fields: {} },
    web: { none: 'it writes as much as the logs of the database hold, and takes longer than a page may' },
    async input(scene) {
      await turnedOn(scene)
      return {}
    },
  },
]
