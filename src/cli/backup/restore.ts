// `letterlock restore`: what a restore would do and whether this installation fits the backup, and the restore itself.
import path from 'node:path'
import type { Knex } from 'knex'
import { schemaVersion } from '../../../migrations/all.ts'
import type { Config } from '../../config/config.ts'
import { findCopiedDays, type Manifest, readHashes, readManifest } from '../../store/backup/backup-directory.ts'
import { findTool, type Tool } from '../../store/backup/dump-tool.ts'
import { databaseContent, restoreBackup } from '../../store/backup/restore-backup.ts'
import { checkServer } from '../../store/db/check-database.ts'
import { openDatabase } from '../../store/db/database.ts'
import { insertAudit } from '../../store/people/audit.ts'
import type { RawStore } from '../../store/raw/raw-store.ts'
import { keysOf, readKeyring } from '../../vault/keys/keyring.ts'
import { commandActor } from '../actor.ts'
import { findServers, type GlobalOptions, loadConfig, openRaw } from '../connect.ts'
import { type Finding, fault, note, ok, toFault } from '../doctor/finding.ts'
import { print, printJson, remark } from '../terminal.ts'

export interface RestoreOptions extends GlobalOptions {
  check?: boolean
  backup?: string
  paused?: boolean
  json?: boolean
}

/** Resolves to 1 if this installation does not fit the backup; nothing is changed then. */
export async function restore(directory: string, options: RestoreOptions): Promise<0 | 1> {
  const place = path.resolve(directory)
  const manifest = await readManifest(place, options.backup)
  const config = loadConfig(options)
  const { databaseUrl } = await findServers(config)
  const db = openDatabase(databaseUrl, config.database)
  try {
    await using raw = await openRaw(config)
    const fits = await checkFit({ db, raw, config }, place, manifest)
    for (const finding of fits.findings) await tell(finding, options)
    if (fits.tool === undefined || fits.findings.some(({ level }) => level === 'fault')) return 1
    if (options.check) return 0
    const deps = { db, raw, config, tool: fits.tool, say: remark }
    const restored = await restoreBackup(deps, place, manifest, { paused: options.paused === true })
    const detail = { id: manifest.id, ...restored }
    await insertAudit(db, { actor: commandActor().name, action: 'backup.restore', detail })
    await tell(
      ok('restored', `${restored.rows} rows and ${restored.batches} raw batches of backup ${manifest.id}`),
      options,
    )
    for (const step of nextSteps(manifest, fits)) await tell(step, options)
    return 0
  } finally {
    await db.destroy()
  }
}

async function tell({ check, level, message, hint }: Finding, { json }: RestoreOptions): Promise<void> {
  if (json) return await printJson([{ check, level, message, hint }])
  await print(`${(level === 'fault' ? 'FAULT' : level).padEnd(5)} ${check.padEnd(10)} ${message}`)
  if (hint !== null) await print(`${' '.repeat(17)}→ ${hint}`)
}

interface Fit {
  findings: Finding[]
  /** Undefined where the database cannot be reached, or has no client here. */
  tool?: Tool
  /** Ids of keys that the backup needs and this host has not. */
  missingKeys: string[]
}

interface Installation {
  db: Knex
  raw: RawStore
  config: Config
}

async function checkFit(here: Installation, directory: string, manifest: Manifest): Promise<Fit> {
  const { id, version, createdAt, server } = manifest
  const ring = readKeyring(keysOf(here.config))
  const missingKeys = manifest.keyIds.filter(keyId => ring.find(keyId) === undefined)
  const fit: Fit = { findings: [ok('backup', `${id}, made by ${version} at ${createdAt} from ${server}`)], missingKeys }
  fit.findings.push(checkSchema(manifest))
  try {
    await checkServer(here.db)
    fit.findings.push(await checkContent(here.db))
    fit.tool = await findTool(here.db, 'load')
    fit.findings.push(ok('tool', fit.tool.version))
  } catch (error) {
    fit.findings.push(toFault('database', error))
  }
  fit.findings.push(await checkRaw(here.raw, directory, manifest).catch(error => toFault('raw mail', error)))
  fit.findings.push(checkKeys(manifest, missingKeys))
  return fit
}

function checkSchema({ schema: { version, compatibleFrom } }: Manifest): Finding {
  const { version: own } = schemaVersion
  if (compatibleFrom > own)
    return fault(
      'schema',
      `is version ${version}, this program knows ${own}`,
      'install the version that made the backup, or a newer one',
    )
  return version < own
    ? note('schema', `is version ${version}, this program needs ${own}`, 'run `letterlock migrate` after the restore')
    : ok('schema', `is version ${version}`)
}

async function checkContent(db: Knex): Promise<Finding> {
  const content = await databaseContent(db)
  if (content === 'empty') return ok('database', 'is empty')
  if (content === 'begun')
    return note('database', 'holds a part of a restore that broke off', 'the restore begins again')
  return fault(
    'database',
    'is not empty',
    'restore into an empty database: create one (CREATE DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci), and name it in database.url',
  )
}

async function checkRaw(raw: RawStore, directory: string, manifest: Manifest): Promise<Finding> {
  const id = await raw.readId()
  if (id !== undefined && id !== manifest.raw.storeId)
    return fault(
      'raw mail',
      `${raw.where} holds the mail of another database`,
      'name an empty directory or bucket, or the one of this backup',
    )
  const there = new Set(await Array.fromAsync(raw.batches()))
  const days = await findCopiedDays(directory)
  const hashes = await Promise.all(days.map(day => readHashes(directory, day)))
  const missing = hashes.flatMap(day => [...day.keys()]).filter(batch => !there.has(batch))
  return ok('raw mail', `${there.size} batches are in ${raw.where}, ${missing.length} are put back`)
}

function checkKeys({ keyIds }: Manifest, missing: readonly string[]): Finding {
  if (keyIds.length === 0) return ok('key', 'none is needed: no password in the backup is sealed')
  if (missing.length === 0) return ok('key', `${keyIds.join(', ')} is here`)
  const hint =
    'put the key file back from its own backup (docs/restore.md); accounts with sealed passwords wait until then'
  return note('key', `${missing.join(', ')} is not here`, hint)
}

function nextSteps({ schema }: Manifest, { missingKeys }: Fit): Finding[] {
  return [
    ...(schema.version < schemaVersion.version
      ? [note('next', 'the schema is of an older version', '`letterlock migrate`')]
      : []),
    ...(missingKeys.length > 0
      ? [note('next', `the key ${missingKeys.join(', ')} is missing`, 'put the key file back')]
      : []),
    note(
      'next',
      'start the daemon; mail that came after the backup comes in again',
      '`letterlock doctor`, and when the accounts were polled `letterlock source recover`',
    ),
  ]
}
