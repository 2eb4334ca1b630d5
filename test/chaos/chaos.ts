// `npm run chaos -- --seed S --minutes M [--weaken lease|transaction|pause] [--only KIND,KIND] [--verbose] [--keep]`: one chaos run, its
// report, exit code 1 if it found anything. `--only` leaves out all other kinds of faults (plan.ts names them). `--weaken` makes the daemons worse (weaken/): `lease` and `transaction` must be found out, `pause` must not.
import { parseArgs } from 'node:util'
import type { FaultKind } from './plan.ts'
import { hasFailed, toText } from './report.ts'
import { runChaos } from './run.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    weaken: { type: 'string' },
    only: { type: 'string' },
    keep: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})
const weaknesses = ['lease', 'transaction', 'pause']
if (values.weaken !== undefined && !weaknesses.includes(values.weaken)) {
  process.stderr.write(`--weaken must be one of ${weaknesses.join(', ')}\n`)
  process.exit(2)
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
process.stdout.write(`chaos with --seed ${seed} --minutes ${values.minutes}\n`)
const startedAt = performance.now()
const report = await runChaos({
  seed,
  minutes: Number(values.minutes),
  preload: values.weaken === undefined ? undefined : new URL(`./weaken/${values.weaken}.ts`, import.meta.url),
  only: values.only?.split(',') as FaultKind[] | undefined,
  keep: values.keep,
  tell: line => {
    if (values.verbose) process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1)} ${line}\n`)
  },
})
process.stdout.write(toText(report))
process.exitCode = hasFailed(report) ? 1 : 0
