// Processor time as the kernel counts it, of this process or of all that it has begun: wall time tells little on a machine that others use, too.
import { readdirSync, readFileSync } from 'node:fs'

/** The kernel counts in hundredths of a second on all platforms that we know (proc_pid_stat(5), USER_HZ). */
const ticksPerSecond = 100

interface ProcessTimes {
  program: string
  parent: number
  /** Of it and of the children that it has waited for. */
  seconds: number
}

/** Of this process and of the children that it has waited for. */
export function processorSeconds(): number {
  return timesOf('self')?.seconds ?? 0
}

/** Processor seconds of all processes below this one by program; those that went on without their parent are left out. */
export function secondsOfProgramsBelow(pid: number): Map<string, number> {
  const all = new Map(
    readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(name => [Number(name), timesOf(name)]),
  )
  const isBelow = (id: number): boolean => id === pid || (id > 1 && isBelow(all.get(id)?.parent ?? 0))
  const sums = new Map<string, number>()
  for (const [id, times] of all) {
    if (times === undefined || id === pid || !isBelow(times.parent)) continue
    sums.set(times.program, (sums.get(times.program) ?? 0) + times.seconds)
  }
  return sums
}

/** Undefined once the process has ended. */
function timesOf(id: string): ProcessTimes | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${id}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The name in parentheses may hold anything; utime, stime, cutime and cstime are the fields 14 to 17.
  const end = stat.lastIndexOf(')')
  const fields = stat.slice(end + 2).split(' ')
  return {
    program: stat.slice(stat.indexOf('(') + 1, end),
    parent: Number(fields[1]),
    seconds: fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / ticksPerSecond,
  }
}
