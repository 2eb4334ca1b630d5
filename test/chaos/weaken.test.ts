/** @module-tag scene */
// What chaos weakens is still there to be weakened: a run with a weakness that changes nothing would prove nothing.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const source = (name: string): string => new URL(`../../src/${name}`, import.meta.url).href

test.each(['lease', 'transaction', 'pause'])('%s', async weakness => {
  const preload = fileURLToPath(new URL(`weaken/${weakness}.ts`, import.meta.url))
  const loaded = ['daemon.ts', 'poll/ingest/ingest-batch.ts'].map(
    name => `await import(${JSON.stringify(source(name))})`,
  )
  const script = `${loaded.join(';')};process.stdout.write('loaded')`
  const run = promisify(execFile)(process.execPath, ['--import', preload, '--input-type=module', '--eval', script])
  expect(await run).toEqual({ stdout: 'loaded', stderr: '' })
})
