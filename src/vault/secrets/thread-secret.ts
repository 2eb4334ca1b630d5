// The installation's secret for ticket tokens: 32 random bytes, kept like a password. It is made when it is first needed, sealed once a
// key is active, resealed and unsealed with the passwords. While its key is away tokens prove nothing; mail is threaded without them.
import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { inTransaction } from '../../store/db/database.ts'
import { findSecret, lockSecret, type SecretRow, writeSecretRow } from '../../store/secrets/installation-secrets.ts'
import { type KeyPaths, type Keyring, readKeyring } from '../keys/keyring.ts'
import { readStates } from '../keys/read-states.ts'
import { keyHexOf, noDestination, open, seal } from './envelope.ts'
import { lockWriteKey, type WriteKey } from './write-key.ts'

const name = 'thread-token'
const context = { table: 'secrets', name } as const

/** The secret, made now if there is none; undefined where its key is away. The caller may keep it: it is none of a mailbox. */
export async function openThreadSecret(db: Knex, keys: KeyPaths): Promise<Buffer | undefined> {
  const ring = readKeyring(keys)
  const found = await findSecret(db, name)
  if (found !== undefined) return opened(found, ring)
  return await inTransaction(db, async trx => {
    const write = await lockWriteKey(trx, ring)
    const row = await lockSecret(trx, name)
    if (row !== undefined || write.form === 'lacking') return row && opened(row, ring)
    const secret = randomBytes(32)
    await writeForm(trx, write, secret)
    return secret
  })
}

/** Brings it into the form in which secrets are written now: under the key `wanted` (hex), or in plaintext. True if it was in another. */
export async function keepThreadSecret(db: Knex, keys: KeyPaths, wanted: string | undefined): Promise<boolean> {
  const row = await findSecret(db, name)
  if (row === undefined || (row.sealed === null ? undefined : keyHexOf(row.sealed)) === wanted) return false
  return await inTransaction(db, async trx => {
    const ring = readKeyring(keys)
    const write = await lockWriteKey(trx, ring)
    const now = await lockSecret(trx, name)
    if (now === undefined || write.form === 'lacking' || isInForm(now, write)) return false
    // A key that is lost for good takes the secret along: tokens of old mails prove nothing then.
    const secret = opened(now, ring) ?? ((await isLost(trx, now, ring)) ? randomBytes(32) : undefined)
    if (secret === undefined) return false
    await writeForm(trx, write, secret)
    secret.fill(0)
    return true
  })
}

function isInForm({ sealed }: SecretRow, write: WriteKey): boolean {
  if (write.form === 'plaintext') return sealed === null
  return write.form === 'sealed' && sealed !== null && keyHexOf(sealed) === write.key.hex
}

async function isLost(trx: Knex, { sealed }: SecretRow, ring: Keyring): Promise<boolean> {
  const keyHex = sealed === null ? undefined : keyHexOf(sealed)
  return (await readStates(trx, ring)).keys.some(key => key.keyHex === keyHex && key.state === 'lost')
}

function opened({ plaintext, sealed }: SecretRow, ring: Keyring): Buffer | undefined {
  if (plaintext !== null) return plaintext
  const found = open(ring.find, context, sealed ?? Buffer.alloc(0))
  return found.end === 'ok' ? found.secret : undefined
}

async function writeForm(trx: Knex.Transaction, write: WriteKey, secret: Buffer): Promise<void> {
  if (write.form === 'plaintext') await writeSecretRow(trx, name, { plaintext: secret })
  if (write.form === 'sealed')
    await writeSecretRow(trx, name, { sealed: seal(write.key, context, noDestination, secret) })
}
