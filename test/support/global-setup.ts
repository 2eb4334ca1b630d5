// One MariaDB and one Redis for all test files, in a temporary directory, stopped at the end. Every test takes a database and a
// prefix of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbedded } from '../../src/embedded/servers.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    databaseUrl: string
    redisUrl: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-test-'))
  const servers = await startEmbedded({
    directory,
    mariadb: true,
    redis: true,
    progress: line => process.stderr.write(`${line}\n`),
    signal: new AbortController().signal,
  })
  project.provide('databaseUrl', servers.databaseUrl)
  project.provide('redisUrl', servers.redisUrl)
  return async () => {
    await servers[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true, force: true })
  }
}
