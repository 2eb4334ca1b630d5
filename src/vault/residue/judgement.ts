// PURE  the form of a judgement on one place in which a plaintext copy may lie.

export type ResiduePlace =
  | 'general-log'
  | 'slow-log'
  | 'statement-history'
  | 'triggers'
  | 'statistics'
  | 'table-pages'
  | 'undo'
  | 'redo'
  | 'doublewrite'
  | 'binary-log'
  | 'replicas'
  | 'backups'
  | 'disk'

export interface Residue {
  place: ResiduePlace
  state: 'clean' | 'dirty' | 'unknown'
  /** When the copy goes by itself; null: at no time that is known. */
  until: Date | null
  /** A sentence or two. */
  why: string
  /** For this server, in the order that works: SQL ends with a semicolon, everything else is for a shell. */
  statements: string[]
  who: 'we' | 'database-admin' | 'system-admin'
}

export interface Moment {
  now: Date
  last: Date
  scrubbed: boolean
  sealed: boolean
}

export type Judgement = Omit<Residue, 'place'>

export function clean(why: string): Judgement {
  return { state: 'clean', until: null, why, statements: [], who: 'we' }
}

export const found = (
  state: 'dirty' | 'unknown',
  who: Residue['who'],
  why: string,
  statements: string[] = [],
  until: Date | null = null,
): Judgement => ({ state, until, why, statements, who })
