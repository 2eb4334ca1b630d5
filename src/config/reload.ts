// PURE. Which settings a running daemon can take over, and which need a restart: those that decide what it is connected to, listens on or
// has divided its memory by.
import type { Config } from './config.ts'

/** Whole sections end in a dot. */
const live = [
  'log.level',
  'poll.concurrency',
  'thread.',
  'hold.',
  'web.session_idle_hours',
  'web.session_days',
] as const

export interface Reload {
  /** The configuration as it is in use from now on. */
  config: Config
  /** Names of settings as in the file. */
  applied: string[]
  needsRestart: string[]
}

/** What of `wanted` a daemon that runs with `current` can take over. */
export function reloadConfig(current: Config, wanted: Config): Reload {
  const changes = Object.keys(wanted).flatMap(section => {
    const [before, after] = [sectionOf(current, section), sectionOf(wanted, section)]
    return Object.keys(after)
      .filter(key => before[key] !== after[key])
      .map(key => ({ section, key, name: `${section}.${toSnake(key)}` }))
  })
  const isLive = (name: string): boolean =>
    live.some(known => (known.endsWith('.') ? name.startsWith(known) : name === known))
  const config = structuredClone(current) as unknown as Record<string, Record<string, unknown>>
  for (const { section, key, name } of changes) {
    if (isLive(name)) config[section] = { ...config[section], [key]: sectionOf(wanted, section)[key] }
  }
  const names = changes.map(({ name }) => name)
  return {
    config: config as unknown as Config,
    applied: names.filter(isLive),
    needsRestart: names.filter(name => !isLive(name)),
  }
}

function sectionOf(config: Config, section: string): Readonly<Record<string, unknown>> {
  return config[section as keyof Config] as Readonly<Record<string, unknown>>
}

function toSnake(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}
