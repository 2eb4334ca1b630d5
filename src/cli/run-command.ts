// One command from its arguments to its exit code.
import { CommanderError } from 'commander'
import { commandContext } from './command-context.ts'
import { createProgram } from './program.ts'
import { reportError } from './terminal.ts'

/** Runs `letterlock ARGS…` in the context of the caller, whose exit code says how it ended. Never rejects. */
export async function runCommand(args: readonly string[]): Promise<void> {
  const context = commandContext()
  try {
    await createProgram().parseAsync(args, { from: 'user' })
  } catch (error) {
    context.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportError(error)
  }
}
