// `letterlock encryption audit`: where copies of plaintext passwords may still lie, until when, and what clears them.
import type { Knex } from 'knex'
import type { Deps } from '../../operations/deps.ts'
import { scrubPlaintext } from '../../operations/manage-encryption.ts'
import { findWarnings, type Residue } from '../../vault/residue/residue.ts'
import { doers, inWords, type ResidueReport, reportResidue } from '../../vault/residue/residue-report.ts'
import { planScrub, type ScrubReport } from '../../vault/residue/scrub.ts'
import { readServerFacts } from '../../vault/residue/server-facts.ts'
import { commandActor } from '../actor.ts'
import { type GlobalOptions, withDeps } from '../connect.ts'
import { confirm, paint, print, printJson, type Style } from '../terminal.ts'

interface AuditOptions extends GlobalOptions {
  json?: boolean
  scrub?: boolean
  yes?: boolean
  dryRun?: boolean
}

/** What is better done before the first password is sealed, in sentences for people. */
export async function warnings(db: Knex): Promise<string[]> {
  const found = findWarnings(await readServerFacts(db), new Date())
  if (found.length === 0) return []
  return [
    'Before sealing: these would keep copies of the plaintext passwords.',
    ...found.flatMap(({ place, why, statements }) => [
      `  ${place}: ${why}`,
      ...statements.map(line => `      ${line}`),
    ]),
  ]
}

/** What `audit --json` prints. */
interface Audit extends ResidueReport {
  scrub: ScrubReport | null
}

export async function auditResidue(options: AuditOptions): Promise<void> {
  await withDeps(options, async deps => {
    const { db } = deps
    if (options.scrub && options.dryRun) return await printPlan(db, options)
    const report = options.scrub ? await scrubNow(deps, options) : null
    const audit: Audit = { ...(await reportResidue(db, new Date())), scrub: report }
    await (options.json ? printJson([audit]) : printAudit(audit))
  })
}

async function printPlan(db: Knex, { json }: AuditOptions): Promise<void> {
  const plan = await planScrub(db)
  if (json) return await printJson([plan])
  const megabytes = Math.ceil(plan.volumeBytes / 2 ** 20)
  await print(
    `would rebuild the table of the passwords and write ${megabytes} MiB into a scratch table, which is dropped again`,
  )
}

async function scrubNow(deps: Deps, options: AuditOptions): Promise<ScrubReport> {
  await confirm('Rebuild the table of the passwords and overwrite the logs of the database? It writes a lot.', options)
  return await scrubPlaintext.run(deps, commandActor(), {})
}

const colours: Record<Residue['state'], Style> = { clean: 'green', dirty: 'red', unknown: 'yellow' }
async function printAudit({ firstAdvice, plaintextHorizon: horizon, residues, scrub: report }: Audit): Promise<void> {
  for (const line of report?.done ?? []) await print(`${paint('green', 'done')} ${line}`)
  for (const line of report?.notDone ?? []) await print(`${paint('yellow', 'not done')} ${line}`)
  await print(`First: ${firstAdvice}.`)
  for (const { place, state, until, why, statements, who } of residues) {
    const gone = until === null ? '' : ` (goes by itself by ${until.toISOString().slice(0, 10)})`
    await print(`${paint(colours[state], state.padEnd(7))} ${place.padEnd(17)} ${why}${gone}`)
    if (statements.length > 0) await print(`${' '.repeat(26)}${doers[who]}:`)
    for (const statement of statements) await print(`${' '.repeat(28)}${statement}`)
  }
  await print(`Plaintext horizon: ${inWords(horizon)}`)
}
