// PURE  server facts + times → where a plaintext copy may still lie after sealing, until when, and what clears it.
// The places stand in the order in which they have to be cleared: what writes on is stopped first, the table is rebuilt before
// undo is emptied, and redo and doublewrite come after both, since clearing the others writes into them. What nobody can see
// from inside the database (backups, freed blocks of the disk) is named, and never called clean.
import { clean, type Residue, type ResiduePlace } from './judgement.ts'
import { judges } from './residue-places.ts'
import type { ServerFacts } from './server-facts.ts'

export type { Residue, ResiduePlace } from './judgement.ts'

export interface ResidueTimes {
  /** The last moment at which a plaintext was written or sealed away; null: never. */
  lastPlaintextAt: Date | null
  now: Date
  /** When the last scrub ended that did all it should. */
  scrubbedAt: Date | null
  /** When the last row was sealed; null: the passwords are plaintext still. */
  sealedAt: Date | null
}

/** What comes before every statement, since nothing else ends all copies at once. */
export const firstAdvice =
  'change the mailbox passwords at the mail server once encryption is on: that alone makes every old copy worthless, wherever it lies'

/** Every place, in the order in which they have to be cleared. */
export function findResidues(facts: ServerFacts, times: ResidueTimes): Residue[] {
  const last = times.sealedAt === null ? times.now : times.lastPlaintextAt
  const places: ResiduePlace[] = Object.keys(judges) as ResiduePlace[]
  return places.map(place => {
    if (last === null) return { place, ...clean('no password was ever stored in plaintext') }
    const scrubbed = times.scrubbedAt !== null && times.scrubbedAt > last
    return { place, ...judges[place](facts, { now: times.now, last, scrubbed, sealed: times.sealedAt !== null }) }
  })
}

const worthBeforeSealing: ReadonlySet<ResiduePlace> = new Set([
  'general-log',
  'slow-log',
  'triggers',
  'undo',
  'binary-log',
])

/** What is better done before the first row is sealed than after the last. */
export function findWarnings(facts: ServerFacts, now: Date): Residue[] {
  const times = { lastPlaintextAt: now, now, scrubbedAt: null, sealedAt: null }
  return findResidues(facts, times).filter(
    ({ place, state, statements }) => state !== 'clean' && statements.length > 0 && worthBeforeSealing.has(place),
  )
}

/**
 * When the last known copy in the database server will have gone by itself; null: none is known; 'never': one of them goes
 * at no known time. Backups and freed blocks of the disk are not in the server and do not count.
 */
export function plaintextHorizon(residues: readonly Residue[]): Date | 'never' | null {
  const known = residues.filter(({ state, place }) => state === 'dirty' && place !== 'backups' && place !== 'disk')
  if (known.length === 0) return null
  const times = known.map(({ until }) => until?.getTime() ?? Number.POSITIVE_INFINITY)
  const latest = Math.max(...times)
  return Number.isFinite(latest) ? new Date(latest) : 'never'
}
