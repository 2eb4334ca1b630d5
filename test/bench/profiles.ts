// CPU profiles as V8 writes them, one of each thread → where the time went: self time by function, and by file.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
}

const shown = 25

/** Prints ms a mail; idle time is left out. */
export function printProfiles(directory: string, mails: number): void {
  const files = readdirSync(directory).filter(file => file.endsWith('.cpuprofile'))
  for (const file of files) {
    const profile = JSON.parse(readFileSync(path.join(directory, file), 'utf8')) as Profile
    const self = selfTimes(profile)
    const total = [...self.values()].reduce((sum, ms) => sum + ms, 0)
    if (total / mails < 0.01) continue
    const rows = [...self].sort((a, b) => b[1] - a[1]).slice(0, shown)
    const lines = rows.map(([where, ms]) => `  ${(ms / mails).toFixed(3)}  ${where}`)
    process.stdout.write(`${file}: ${(total / mails).toFixed(2)} ms a mail\n${lines.join('\n')}\n`)
  }
}

function selfTimes({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  for (const [i, id] of samples.entries()) {
    const name = names.get(id) ?? ''
    if (name === '(idle)' || name === '(root)') continue
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[i] ?? 0) / 1000)
  }
  return times
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  if (url === '') return functionName
  const file = url.startsWith('file:') ? fileURLToPath(url) : url
  const short = file.replace(/^.*\/node_modules\//, '').replace(/^.*?\/src\//, 'src/')
  return `${functionName || '(anonymous)'} ${short}:${lineNumber + 1}`
}
