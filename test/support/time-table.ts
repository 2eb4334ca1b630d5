// Prints what each test file cost at the end of a run, the dearest first, and below it what the servers cost that all of them use.
import type { Reporter, TestModule } from 'vitest/node'
import { secondsOfProgramsBelow } from './process-times.ts'

interface Cost {
  name: string
  tests: number
  /** Loading, hooks and tests. */
  seconds: number
  processorSeconds: number
}

export class TimeTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const costs = modules.map(costOf).sort((a, b) => b.seconds - a.seconds)
    process.stdout.write(`${['', ...tableOf(costs), ...serversOfRun()].join('\n')}\n`)
  }
}

function costOf(module: TestModule): Cost {
  const { setupDuration, collectDuration, duration } = module.diagnostic()
  return {
    name: module.relativeModuleId,
    tests: [...module.children.allTests()].length,
    seconds: (setupDuration + collectDuration + duration) / 1_000,
    processorSeconds: module.meta().processorSeconds ?? 0,
  }
}

/** The servers of the run still go on at this moment. Of what began this process, vitest's own work is the rest. */
function serversOfRun(): string[] {
  const sums = [...secondsOfProgramsBelow(process.pid)].sort(([, a], [, b]) => b - a)
  const shown = sums
    .filter(([, seconds]) => seconds >= 1)
    .map(([program, seconds]) => `${program} ${seconds.toFixed(1)}`)
  return [`processor seconds of what goes on at the end: ${shown.join(', ')}`]
}

function tableOf(costs: readonly Cost[]): string[] {
  const sum = (pick: (cost: Cost) => number): number => costs.reduce((total, cost) => total + pick(cost), 0)
  const row = (seconds: number, processor: number, tests: number, name: string): string =>
    `${seconds.toFixed(1).padStart(9)}${processor.toFixed(1).padStart(11)}${String(tests).padStart(7)}  ${name}`
  return [
    '  seconds  processor  tests  file',
    ...costs.map(cost => row(cost.seconds, cost.processorSeconds, cost.tests, cost.name)),
    row(
      sum(cost => cost.seconds),
      sum(cost => cost.processorSeconds),
      sum(cost => cost.tests),
      `all ${costs.length} files`,
    ),
  ]
}
