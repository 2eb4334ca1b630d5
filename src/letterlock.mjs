#!/usr/bin/env node
// The command in the path. Plain JavaScript, because it may be run by a Node that is too old for the rest:
// it hands over to a Node >= 24 (this one, or the one among the project's packages), or says what to do.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
const packaged = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))
const installed = existsSync(fileURLToPath(new URL('../node_modules/commander', import.meta.url)))

function refuse(error, hint) {
  process.stderr.write(`error: ${error}\nhint: ${hint}\n`)
  process.exitCode = 2
}

if (!installed) {
  refuse('the packages that letterlock needs are not installed', 'run `npm ci` in the folder of letterlock first')
} else if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import('./main.ts')
} else if (existsSync(packaged)) {
  const child = spawn(packaged, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
  })
} else if (!existsSync(fileURLToPath(new URL('../node_modules/.package-lock.json', import.meta.url)))) {
  // npm writes this file at its end.
  refuse(
    'the packages that letterlock needs are not all installed yet',
    'wait until npm is done; if none runs, `npm ci`',
  )
} else {
  refuse(
    `letterlock needs Node 24 or newer, this is ${process.versions.node}`,
    'install Node 24, or run `npm ci` without --omit=optional',
  )
}
