// What a command has of its process: streams, environment and exit code. They are given, not global, so that one process runs any number
// of commands. The context goes with the asynchronous call (AsyncLocalStorage), because nearly every function of cli/ prints.
import { AsyncLocalStorage } from 'node:async_hooks'

/** A stream that may be a terminal. */
export type Input = NodeJS.ReadableStream & Partial<Pick<NodeJS.ReadStream, 'isTTY' | 'setRawMode' | 'iterator'>>
export type Output = NodeJS.WritableStream & Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>>

export interface CommandContext {
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
  readonly env: NodeJS.ProcessEnv
  /** What the command ends with. */
  exitCode: number
}

/** The context of the process itself. Its standard input is opened by the first command that reads it. */
const ofProcess: CommandContext = {
  get stdin() {
    return process.stdin
  },
  get stdout() {
    return process.stdout
  },
  get stderr() {
    return process.stderr
  },
  get env() {
    return process.env
  },
  get exitCode() {
    return Number(process.exitCode ?? 0)
  },
  set exitCode(code) {
    process.exitCode = code
  },
}

const storage = new AsyncLocalStorage<CommandContext>()

/** The context of the command that runs. */
export function commandContext(): CommandContext {
  return storage.getStore() ?? ofProcess
}

/** Runs `use` with a context in place of the process. */
export function withContext<T>(context: CommandContext, use: () => T): T {
  return storage.run(context, use)
}
