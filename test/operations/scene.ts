// What the table test runs operations in: a database and a Redis of its own, and a folder for key files.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Config } from '../../src/config/config.ts'
import { toConfig } from '../../src/config/config.ts'
import { openSession } from '../../src/fetch/imap-session.ts'
import type { AnyOperation } from '../../src/operations/all.ts'
import type { Deps } from '../../src/operations/deps.ts'
import { createHtmlReader } from '../../src/operations/read-html.ts'
import { parseHtml, parseMessage } from '../../src/parse/parse-message.ts'
import { createTriagePolicy } from '../../src/poll/ingest/triage-policy.ts'
import { openRedis } from '../../src/schedule/redis.ts'
import { insertAccount, type NewAccount } from '../../src/store/accounts/account-changes.ts'
import { insertUser } from '../../src/store/people/user-rows.ts'
import { openRawDirectory } from '../../src/store/raw/raw-directory.ts'
import { keysOf, readKeyring } from '../../src/vault/keys/keyring.ts'
import { openLogins } from '../../src/vault/oauth/access-tokens.ts'
import { createPasswords } from '../../src/vault/secrets/password-hash.ts'
import { createSecretWriter } from '../../src/vault/secrets/write-secret.ts'
import { quickHashes } from '../support/daemon.ts'
import { rawMail } from '../support/messages.ts'
import { createTestDatabase, testRedis } from '../support/servers.ts'
import { webPassword } from '../support/web.ts'

/** A row of the table: an operation, the ways to it, and an input that works. */
export interface Row {
  operation: AnyOperation
  /** Where each field of its input comes from: an argument (`<account>`), an option (`--port`), or a sentence that says from where else. */
  command: { name: string; fields: Readonly<Record<string, string>> } | { none: string }
  /** `POST /accounts/:id/pause`, or why there is no page. */
  web: { route: string } | { none: string }
  /** Prepares what it is asked of. */
  input(scene: Scene): Promise<object> | object
  /** Actions of the audit rows that it leaves; default: its name. */
  audits?: readonly string[]
}

export const adminId = 1
export const agentId = 2

export interface Scene extends AsyncDisposable {
  config: Config
  deps: Deps
  /** Adds an agent; resolves to their id. */
  addUser(): Promise<number>
  /** Adds a ticket without messages; resolves to its id. */
  addTicket(): Promise<number>
  /** Archives a mail and adds its row; resolves to its id. */
  addMail(result: 'ignored' | 'quarantined'): Promise<number>
  /** Adds an account; resolves to its id. */
  addAccount(change?: Partial<NewAccount>): Promise<number>
}

export async function openScene(): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await createTestDatabase())
  const redisOf = testRedis()
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-operations-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const env = {
    LETTERLOCK_DATABASE_URL: database.url,
    LETTERLOCK_REDIS_URL: redisOf.url,
    LETTERLOCK_REDIS_PREFIX: redisOf.prefix,
    LETTERLOCK_DATA_DIRECTORY: directory,
  }
  const config = toConfig({ file: undefined, toml: '', directory: '/', env })
  const redis = openRedis(redisOf.url, config.redis, 'commands')
  await redis.connect()
  stack.defer(() => redis.disconnect())
  const { db } = database
  const keys = keysOf(config)
  const raw = openRawDirectory(path.join(directory, 'raw'))
  const writeSecret = createSecretWriter(keys)
  const passwords = createPasswords(quickHashes)
  const deps: Deps = {
    passwords,
    db,
    config,
    keys,
    withRedis: use => use(redis),
    openSecret: openLogins({ db, ring: () => readKeyring(keys), writeSecret, atOnce: 1 }),
    openSession,
    say: () => {},
    raw: async () => raw,
    parse: async source => await parseMessage(Buffer.from(source)),
    html: createHtmlReader({ raw: async () => raw, parseHtml: source => parseHtml(Buffer.from(source)) }),
    triage: async () => createTriagePolicy(config, async () => undefined),
  }
  const passwordHash = await passwords.hash(webPassword)
  await insertUser(db, { name: 'ada', role: 'admin', passwordHash })
  await insertUser(db, { name: 'alan', role: 'agent', passwordHash })
  let [accounts, mails, tickets, users] = [0, 0, 0, 0]
  const opened = stack.move()
  const scene: Scene = {
    config,
    deps,
    async addUser() {
      return await insertUser(db, { name: `user-${++users}`, role: 'agent', passwordHash: 'none' })
    },
    async addTicket() {
      const account_id = await scene.addAccount()
      const requester = { requester_name: 'Anna', requester_address: 'anna@example.org' }
      const [id] = await db('tickets').insert({ account_id, ref: `LL-${++tickets}`, subject: 'teapot', ...requester })
      return Number(id)
    },
    async addMail(result) {
      const accountId = await scene.addAccount()
      const mailbox = await db('mailboxes').where({ account_id: accountId }).first('id')
      const uid = ++mails
      const source = rawMail({ id: `${uid}@scene` })
      const mail = { accountId, mailbox: 'INBOX', uidValidity: 1, uid, receivedAt: new Date(), complete: true, source }
      const [at] = await raw.archive([mail])
      const [id] = await db('sources').insert({
        ...{ account_id: accountId, mailbox_id: mailbox.id, uid_validity: 1, uid, size: source.length, result },
        ...{ message_id: `${uid}@scene`, reason: 'rule:test', sha256: at?.sha256, complete: true },
        ...{ batch: at?.batch, batch_offset: at?.offset, stored_size: at?.size },
      })
      return Number(id)
    },
    async addAccount(change = {}) {
      const account: NewAccount = {
        ...{ address: `${++accounts}@example.com`, host: 'imap.invalid', port: 993, security: 'tls', username: '' },
        ...{ caPem: null, everySeconds: 60, push: true, afterIngest: 'keep', startFrom: 'all', mailboxes: ['INBOX'] },
        ...{ enabled: true, password: 'the password of the scene' },
      }
      return await insertAccount(db, { ...account, ...change }, writeSecret)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
  return scene
}
