// One MariaDB, one Redis and one Chromium for all test files, in a temporary directory, stopped at the end. Every test takes a database and a
// prefix of its own, so that any number of runs go on side by side. What is not installed is installed here, before tests ask at once.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestProject } from 'vitest/node'
import { claimDirectory } from '../../src/embedded/claim.ts'
import { dovecotPrograms } from '../../src/embedded/dovecot.ts'
import { findPrograms } from '../../src/embedded/programs.ts'
import { startEmbedded } from '../../src/embedded/servers.ts'
import { startChromiumOfRun } from './chromium.ts'
import { createSchemaTemplate } from './schema-template.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    databaseUrl: string
    redisUrl: string
    chromiumUrl: string
    /** Makes a migrated database. */
    schemaTemplate: string
  }
}

const progress = (line: string): void => void process.stderr.write(`${line}\n`)
const signal = new AbortController().signal
const prefix = 'letterlock-test-'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeAbandoned()
  const directory = mkdtempSync(path.join(tmpdir(), prefix))
  const options = { directory, mariadb: true, redis: true, durable: false, progress, signal } as const
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const servers = stack.use(await startEmbedded({ ...options, programs: dovecotPrograms }))
  project.provide('databaseUrl', servers.databaseUrl)
  project.provide('redisUrl', servers.redisUrl)
  project.provide('chromiumUrl', stack.use(await startChromiumOfRun()).url)
  project.provide('schemaTemplate', await createSchemaTemplate(servers.databaseUrl))
  const opened = stack.move()
  return () => opened.disposeAsync()
}

const abandonedAfterMs = 600_000

/** What a run that was killed could not remove; that of one that goes on is locked. */
async function removeAbandoned(): Promise<void> {
  const { flock } = await findPrograms(['flock'], { progress, signal })
  for (const name of readdirSync(tmpdir()).filter(entry => entry.startsWith(prefix))) {
    const directory = path.join(tmpdir(), name)
    try {
      const { uid, mtimeMs } = statSync(directory)
      if (uid !== process.getuid?.() || Date.now() - mtimeMs < abandonedAfterMs) continue
      await using _ours = await claimDirectory(directory, flock)
      rmSync(directory, { recursive: true, force: true })
    } catch {
      // It is in use, or another run removes it at this moment.
    }
  }
}
