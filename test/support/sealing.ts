// What the tests of sealing share: many accounts at once, key files, and a look at what every password opens to.
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Knex } from 'knex'
import type { Daemon } from '../../src/daemon.ts'
import { addSweep, openSealingQueue, requestedSweep } from '../../src/schedule/queue.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { findCredentials } from '../../src/store/secrets/credential-rows.ts'
import { type Keyring, keyPathsOf, proofName, readKeyring } from '../../src/vault/keys/keyring.ts'
import { imapDestination, keyBytes, open, toKey } from '../../src/vault/secrets/envelope.ts'
import { openStored } from '../../src/vault/secrets/open-secret.ts'
import { until, type World } from './daemon.ts'

const insertedAtOnce = 1_000

/** Accounts that nobody polls, with plaintext passwords, as a helpdesk inserts them: id → password. */
export async function insertPaused(db: Knex, count: number): Promise<Map<number, string>> {
  const secrets = new Map<number, string>()
  const [[{ last }]] = await db.raw('SELECT COALESCE(MAX(id), 0) AS last FROM accounts')
  const ids = Array.from({ length: count }, (_, i) => Number(last) + 1 + i)
  for (let at = 0; at < count; at += insertedAtOnce) {
    const part = ids.slice(at, at + insertedAtOnce)
    await db('accounts').insert(
      part.map(id => ({ id, address: `a${id}@example.com`, host: 'imap.example.com', enabled: false })),
    )
    const rows = part.map(id => ({ account_id: id, plaintext: `first of ${id} ${randomBytes(6).toString('hex')}` }))
    await db('credentials').insert(rows)
    for (const row of rows) secrets.set(row.account_id, row.plaintext)
  }
  return secrets
}

/** Puts a new random key at the place, as `cp` with a umask does, and returns its bytes. */
export function writeKey(file: string, bytes: Buffer = randomBytes(keyBytes)): Buffer {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, bytes, { mode: 0o600 })
  return bytes
}

/** The id of the key of these bytes. */
export const hexOf = (bytes: Buffer): string => toKey(Buffer.from(bytes)).hex

export const keyFileOf = (world: World): string => world.config.encryption.keyFile

/** The keys of its host, now. */
export const ringOf = (world: World): Keyring => readKeyring(keyPathsOf(keyFileOf(world), {}))

/** What `encryption disable` asks for: the key's id in the data directory. */
export function writeProof(world: World, keyHex: string): void {
  writeFileSync(path.join(world.directory, proofName), `${keyHex}\n`)
}

export const actionsOf = async (db: Knex): Promise<string[]> =>
  await db('audit_log').where('action', 'like', 'encryption.%').orderBy('id').pluck('action')

/** Waits until the transition was audited `times` times. */
export async function untilAction(db: Knex, action: string, times = 1): Promise<void> {
  await until(async () => (await actionsOf(db)).filter(found => found === action).length >= times)
}

/** Has the daemon's sealing job look at everything, and waits until it did. */
export async function sweep({ config }: World, daemon: Daemon): Promise<void> {
  const redis = openRedis(config.redis.url, config.redis, 'commands')
  await redis.connect()
  const queue = openSealingQueue(redis, config.redis.prefix, daemon.workerId)
  // A job that was under way does not count.
  for (let job = 0; job < 2; job++) {
    await addSweep(queue)
    await until(async () => (await queue.getJob(requestedSweep)) === undefined)
  }
  await queue.close()
  redis.disconnect()
}

export async function countWhere(db: Knex, condition: string): Promise<number> {
  const [[{ n }]] = await db.raw(`SELECT COUNT(*) AS n FROM credentials WHERE ${condition}`)
  return Number(n)
}

/** The account's password as a poll of this host gets it, or the code of the refusal. */
export async function secretOf(db: Knex, keyFile: string, id: number, destination: Destination): Promise<string> {
  const place = keyPathsOf(keyFile, {})
  try {
    const { value } = await openStored(db, () => readKeyring(place))({ id, destination })
    return value.toString()
  } catch (error) {
    return String((error as { code?: string }).code)
  }
}

type Destination = Parameters<typeof imapDestination>[0]

/** Where the accounts of `insertPaused` poll. */
export const pausedDestination = (id: number): Destination => ({
  host: 'imap.example.com',
  port: 993,
  security: 'tls',
  username: `a${id}@example.com`,
  caPem: null,
})

/** Of the accounts of `insertPaused`: those whose password is not this one. One query for all, the same rules as a poll's. */
export async function wrongOf(db: Knex, keyFile: string, secrets: ReadonlyMap<number, string>): Promise<number[]> {
  const ring = readKeyring(keyPathsOf(keyFile, {}))
  const right = new Set<number>()
  for (const filter of [{ with: 'plaintext' }, { with: 'sealed' }] as const) {
    for (const row of await findCredentials(db, filter, 0, everything)) {
      if (filter.with === 'sealed' && row.plaintext?.length) continue
      const opened = open(ring.find, { table: 'credentials', kind: row.kind, accountId: row.accountId }, sealedOf(row))
      const sealed =
        opened.end === 'ok' && opened.destination.equals(imapDestination(pausedDestination(row.accountId)))
          ? opened.secret.toString()
          : undefined
      const secret = row.plaintext?.length ? row.plaintext.toString() : sealed
      if (secret !== undefined && secret === secrets.get(row.accountId)) right.add(row.accountId)
    }
  }
  return [...secrets.keys()].filter(id => !right.has(id))
}

const everything = 10_000_000

function sealedOf(row: { sealed: Buffer | null }): Buffer {
  return row.sealed ?? Buffer.alloc(0)
}
