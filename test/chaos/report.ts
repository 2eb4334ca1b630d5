// What a run was and what it found, for a person to read.
import type { FaultCounts } from './faults.ts'

export interface Report {
  seed: number
  seconds: number
  /** How long it took until all was settled once the faults had ended. */
  settledSeconds: number
  faults: FaultCounts
  others: Record<string, number>
  mails: number
  /** Of these, while the faults went on. */
  takenIn: number
  deliveries: number
  bytes: number
  /** Sources by result. */
  ends: Record<string, number>
  /** Raw batches whose mails had no rows, and what `source recover` made of them. */
  recovered: { batches: number; mails: number }
  /** What could not be done here, a sentence each. */
  leftOut: string[]
  lost: string[]
  doubled: string[]
  stuck: string[]
  orphans: string[]
  foreign: string[]
  /** Mailboxes of which `account coverage` tells other numbers than the server's files. */
  uncovered: string[]
  early: string[]
  /** Daemons that ended by themselves, and faults of letterlock in their logs. */
  broken: string[]
}

export const failureKinds = ['lost', 'doubled', 'stuck', 'orphans', 'foreign', 'uncovered', 'early', 'broken'] as const

export function hasFailed(report: Report): boolean {
  return failureKinds.some(kind => report[kind].length > 0)
}

/** Resets of connections by the network, of each kind. */
export function cutsOf({ done }: FaultCounts): number {
  return done.cut + done['cut within']
}

export function killsOf({ done }: FaultCounts): number {
  return done.kill + done['kill and empty']
}

const shown = 12

export function toText(report: Report): string {
  const { faults } = report
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  return [
    `seed ${report.seed}: ${Math.round(report.seconds)} s of faults, settled ${Math.round(report.settledSeconds)} s after`,
    `faults: ${list(faults.done)}; passed over ${faults.passedOver}`,
    `kills ${killsOf(faults)} (${list(faults.kills)}), cuts ${cutsOf(faults)} (${faults.connections} connections)`,
    `mails ${report.mails} (${report.takenIn} taken in amid the faults) in ${report.deliveries} deliveries, ${(report.bytes / 1e6).toFixed(1)} MB; other clients: ${list(report.others)}`,
    `sources: ${list(report.ends)}; source recover: ${report.recovered.mails} mails of ${report.recovered.batches} batches without rows`,
    ...report.leftOut.map(sentence => `left out: ${sentence}`),
    failureKinds.map(kind => `${kind} ${report[kind].length}`).join(', '),
    ...failureKinds.flatMap(kind => report[kind].slice(0, shown).map(one => `  ${kind}: ${one}`)),
    '',
  ].join('\n')
}
