// What this host has seen of the states of keys, in its data directory: a file that whoever may only write to the database cannot reach.
// With it a row that was rolled back is told from a new one. It also holds what was asked for on this host: turning encryption off. The
// file is replaced as a whole; one that is missing or makes no sense means that nothing was seen.
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { isShortage } from '../../errors/shortage.ts'
import { toShortageError } from './key-file.ts'
import type { SeenState } from './key-state.ts'
import type { KeyPaths } from './keyring.ts'

export interface Seen {
  states: ReadonlyMap<string, SeenState>
  /** Turning off was asked for on this host: of which key, and when (`unsealing_at` of its row). */
  unsealing: { keyHex: string; at: string } | undefined
}

const seenName = 'encryption-keys-seen.json'

const keyHex = z.string().regex(/^[0-9a-f]{16}$/)
const schema = z.object({
  keys: z.record(
    keyHex,
    z.object({
      epoch: z.int().min(0),
      state: z.enum(['active', 'next', 'retired', 'lost']),
      completed: z.boolean(),
    }),
  ),
  unsealing: z.object({ keyHex, at: z.string() }).optional(),
})

/** Its path. */
export function seenFileOf({ dataDirectory }: Pick<KeyPaths, 'dataDirectory'>): string {
  return path.join(dataDirectory, seenName)
}

/** Throws ServiceError where it cannot be looked at for now: what was seen must not be taken for never seen. */
export function readSeen(keyPaths: KeyPaths): Seen {
  try {
    const { keys, unsealing } = schema.parse(JSON.parse(readFileSync(seenFileOf(keyPaths), 'utf8')))
    return { states: new Map(Object.entries(keys)), unsealing }
  } catch (cause) {
    if (isShortage((cause as NodeJS.ErrnoException).code)) throw toShortageError(seenFileOf(keyPaths), cause)
    return { states: new Map(), unsealing: undefined }
  }
}

/** Remembers these states as well. Throws the system's error. */
export function rememberStates(keyPaths: KeyPaths, news: ReadonlyMap<string, SeenState>): void {
  if (news.size === 0) return
  const { states, unsealing } = readSeen(keyPaths)
  // Another process of this host may have seen more meanwhile.
  const newer = [...news].filter(([keyHex, { epoch }]) => epoch >= (states.get(keyHex)?.epoch ?? 0))
  write(keyPaths, { states: new Map([...states, ...newer]), unsealing })
}

/** What a person on this host has said: these states hold, however old they are, and no others. */
export function replaceStates(keyPaths: KeyPaths, states: ReadonlyMap<string, SeenState>): void {
  write(keyPaths, { states, unsealing: undefined })
}

/** Notes that turning off was asked for here, or (undefined) is no longer. */
export function rememberUnsealing(keyPaths: KeyPaths, unsealing: Seen['unsealing']): void {
  const { states, unsealing: before } = readSeen(keyPaths)
  if (unsealing !== undefined || before !== undefined) write(keyPaths, { states, unsealing })
}

function write(keyPaths: KeyPaths, { states, unsealing }: Seen): void {
  const file = seenFileOf(keyPaths)
  const beside = `${file}.${randomBytes(6).toString('hex')}.new`
  try {
    const fd = openSync(beside, 'wx', 0o600)
    try {
      writeSync(fd, `${JSON.stringify({ keys: Object.fromEntries(states), unsealing }, null, 1)}\n`)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    // Written by root's command, it is the service's to read.
    if (process.geteuid?.() === 0) {
      const { uid, gid } = statSync(path.dirname(file))
      chownSync(beside, uid, gid)
    }
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw error
  }
}
