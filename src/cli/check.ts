// `letterlock check`: whether the configuration makes sense, before a start. What may be mended while the daemon runs (a file that
// cannot be read yet, a server that is away) is the daemon's to wait for and the doctor's to tell.
import { readSources, toConfig } from '../config/config.ts'
import { commandContext } from './command-context.ts'
import type { GlobalOptions } from './connect.ts'
import { print, printJson } from './terminal.ts'

/** Throws ServiceError `config.invalid` (exit 2) that lists every fault. */
export async function checkConfiguration(options: GlobalOptions & { json?: boolean }): Promise<void> {
  const sources = readSources(options.config, commandContext().env)
  toConfig(sources)
  const variables = Object.keys(sources.env)
  if (options.json) return await printJson([{ valid: true, file: sources.file ?? null, variables }])
  const from = [sources.file ?? 'built-in defaults', ...variables].join(', ')
  await print(`the configuration is valid (${from})`)
}
