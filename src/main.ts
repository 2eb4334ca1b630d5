#!/usr/bin/env node
// The process: arguments → the daemon or one command of cli/. Commands load what they need when they run, so that --help is quick.
import './shut-debugger.ts'
import { CommanderError } from 'commander'
import { createProgram } from './cli/program.ts'
import { reportError } from './cli/terminal.ts'

// A reader that has seen enough (| head) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
process.stderr.on('error', () => {})

try {
  await createProgram().parseAsync()
} catch (error) {
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportError(error)
}
