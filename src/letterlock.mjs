#!/usr/bin/env node
// Where /usr/local/bin/letterlock was linked by 0.3.0: hands over to the command `letterlock` beside it, under any Node.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('./letterlock', import.meta.url))
// Not for Node's debugger, which would let every local user run code here.
process.on('SIGUSR1', () => {})
const child = spawn(command, process.argv.slice(2), { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
})
