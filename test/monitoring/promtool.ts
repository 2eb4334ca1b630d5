// promtool, Prometheus' own checker (Debian package prometheus): found, or installed as the servers are; where neither can be, its tests are
// skipped with a sentence.
import { spawnSync } from 'node:child_process'
import { findPrograms } from '../../src/embedded/programs.ts'

/** Runs promtool; undefined where there is none. */
export async function findPromtool(): Promise<((args: readonly string[], input?: string) => string) | undefined> {
  const options = {
    progress: (line: string) => void process.stderr.write(`${line}\n`),
    signal: new AbortController().signal,
  }
  const found = await findPrograms(['promtool'], options).catch(() => undefined)
  if (found === undefined) {
    process.stderr.write(
      'promtool is missing and cannot be installed (apt-get install prometheus): its tests are skipped\n',
    )
    return undefined
  }
  return (args, input) => {
    const { status, stdout, stderr } = spawnSync(found.promtool, args, {
      encoding: 'utf8',
      ...(input === undefined ? {} : { input }),
    })
    if (status !== 0) throw new Error(`promtool ${args.join(' ')}: ${stdout}${stderr}`)
    return stdout + stderr
  }
}
