// Notes the processor time of each test file, for the table at the end of a run: wall time tells little on a machine that others use, too.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll } from 'vitest'

declare module 'vitest' {
  interface TaskMeta {
    /** Seconds of this process and of the children that it has waited for. */
    processorSeconds?: number
  }
}

/** The kernel counts in hundredths of a second on all platforms that we know (proc_pid_stat(5), USER_HZ). */
const ticksPerSecond = 100

/** Of this process and of the children that ended. The servers of the whole run are nobody's. */
function processorSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  // The name in parentheses may hold anything; utime, stime, cutime and cstime are the fields 14 to 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / ticksPerSecond
}

let before = 0
beforeAll(() => {
  before = processorSeconds()
})
// Hooks of a setup file frame those of the test file: what that one closes has ended by now.
// biome-ignore lint/correctness/noEmptyPattern: vitest reads from the pattern which fixtures a hook wants.
afterAll(({}, { file }) => {
  file.meta.processorSeconds = processorSeconds() - before
})
