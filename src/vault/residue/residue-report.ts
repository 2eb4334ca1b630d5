// Where plaintext copies may lie now, as `encryption audit` and the web page show it.
import type { Knex } from 'knex'
import { findKeys, readPlaintextSeen, readScrubbedAt } from '../../store/secrets/encryption-keys.ts'
import { findResidues, firstAdvice, plaintextHorizon, type Residue } from './residue.ts'
import { readServerFacts } from './server-facts.ts'

export interface ResidueReport {
  firstAdvice: string
  /** When the last known copy in the database server goes by itself; null: none is known. */
  plaintextHorizon: Date | 'never' | null
  residues: Residue[]
}

export async function reportResidue(db: Knex, now: Date): Promise<ResidueReport> {
  const active = (await findKeys(db)).find(key => key.state === 'active')
  const residues = findResidues(await readServerFacts(db), {
    lastPlaintextAt: (await readPlaintextSeen(db))?.at ?? null,
    now,
    scrubbedAt: await readScrubbedAt(db),
    sealedAt: active?.completedAt ?? null,
  })
  return { firstAdvice, plaintextHorizon: plaintextHorizon(residues), residues }
}

/** Who can clear it. */
export const doers: Record<Residue['who'], string> = {
  we: 'letterlock can do it',
  'database-admin': 'a database administrator can do it',
  'system-admin': 'an administrator of the machine can do it',
}

/** The horizon as a sentence. */
export function inWords(horizon: ResidueReport['plaintextHorizon']): string {
  if (horizon === null) return 'no copy is known in the database server.'
  if (horizon === 'never') return 'some copy stays until somebody clears it.'
  return `by ${horizon.toISOString()} the last known copy in the database server has gone by itself.`
}
