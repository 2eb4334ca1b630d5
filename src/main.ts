#!/usr/bin/env node
// The process: arguments → the daemon or one command of cli/. Commands load what they need when they run, so that --help is quick.
import './shut-debugger.ts'
import './heap-bounds.ts'
import { runCommand } from './cli/run-command.ts'

// A reader that has seen enough (| head) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
process.stderr.on('error', () => {})

await runCommand(process.argv.slice(2))
