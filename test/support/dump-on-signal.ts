// Loaded into a daemon before everything else (`node --import`): on SIGUSR2 it writes a diagnostic report and a heap snapshot into
// DUMP_DIRECTORY. So that a search through what the process says proves something, it also says what the test planted in its
// environment: in its output, among its metrics, and in a string of its own that is longer than snapshots show by default.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { writeHeapSnapshot } from 'node:v8'
import { Registry } from 'prom-client'

const { DUMP_DIRECTORY: directory = '', PLANTED: planted = '' } = process.env

Object.assign(globalThis, { planted: Buffer.from(`${'.'.repeat(5_000)}${planted}`).toString() })
process.stdout.write(`${JSON.stringify({ planted })}\n`)
process.stderr.write(`${planted}\n`)

const { metrics } = Registry.prototype
Registry.prototype.metrics = async function (this: Registry) {
  return `${await metrics.call(this)}# ${planted}\n`
}

process.on('SIGUSR2', () => {
  process.report.directory = directory
  Object.assign(process.report, { excludeNetwork: true })
  process.report.writeReport('report.json')
  writeHeapSnapshot(path.join(directory, 'heap.json'))
  writeFileSync(path.join(directory, 'whole'), '')
})
