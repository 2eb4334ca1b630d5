// Runs commands of the program, and scripts of them. A command runs inside this process, as main.ts runs it, with streams and an environment
// of its own: a process for each costs most of a second. What is about the process itself (signals, pipes, the launcher) is spawned.
//
// A script is a text: `$ COMMAND`, then what it prints. Lines of standard error begin with `! `, a line for standard input with
// `< `, and `= N` is the exit code (0 where it is not said). `…` stands for anything within a line, a line `...` for any lines.
// Lines that begin with `#` are remarks. `-- NAME --` begins a file that is there before the first command.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable, Writable } from 'node:stream'
import { expect } from 'vitest'
import { withContext } from '../../src/cli/command-context.ts'
import { runCommand } from '../../src/cli/run-command.ts'

const program = path.resolve(import.meta.dirname, '../../src/letterlock')

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

export type RanBytes = Omit<Ran, 'stdout'> & { stdout: Buffer }

export interface RunOptions {
  env?: Record<string, string>
  stdin?: string | Buffer
  directory?: string
}

/** Nothing of this machine's own settings, files and servers, and what is given. CI would be taken for a terminal without colours. */
export function cleanEnv(env: Record<string, string> = {}): Record<string, string> {
  const foreign = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      !/^(LETTERLOCK_|FORCE_COLOR$|NO_COLOR$|NODE_DISABLE_COLORS$|COLORTERM$|CI$|CI_|TEAMCITY|GITHUB_|TMUX$)/.test(
        entry[0],
      ),
  )
  const ours = { LETTERLOCK_CONFIG: '/dev/null', LETTERLOCK_DATA_DIRECTORY: '/nonexistent/letterlock' }
  return { ...Object.fromEntries(foreign), ...ours, ...env }
}

/** `letterlock ARGS…`, inside this process where it can be. */
export async function letterlock(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { stdout, ...rest } = await letterlockBytes(args, options)
  return { ...rest, stdout: stdout.toString() }
}

/** The same, with standard output as bytes. */
export async function letterlockBytes(args: readonly string[], options: RunOptions = {}): Promise<RanBytes> {
  return await (needsProcess(args, options) ? run(program, args, options) : runInside(args, options))
}

/** The same in a process of its own, as people start it. */
export async function spawnLetterlock(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { stdout, ...rest } = await run(program, args, options)
  return { ...rest, stdout: stdout.toString() }
}

/** The daemon listens to signals, and what is not a setting of ours is read from the environment of the process. */
function needsProcess(args: readonly string[], { env = {} }: RunOptions): boolean {
  return args.includes('run') || Object.keys(env).some(name => !name.startsWith('LETTERLOCK_'))
}

async function runInside(args: readonly string[], options: RunOptions): Promise<RanBytes> {
  const [stdout, stderr] = [collector(), collector()]
  const context = {
    stdin: Readable.from([Buffer.from(options.stdin ?? '')], { objectMode: false }),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: cleanEnv(options.env),
    exitCode: 0,
  }
  await withContext(context, () => inDirectory(options.directory, () => runCommand(args)))
  return { code: context.exitCode, stdout: stdout.bytes(), stderr: stderr.bytes().toString() }
}

function collector(): { stream: Writable; bytes(): Buffer } {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk, _, done) {
      chunks.push(chunk)
      done()
    },
  })
  return { stream, bytes: () => Buffer.concat(chunks) }
}

/** For one command at a time: the directory is the whole process's. */
async function inDirectory<T>(directory: string | undefined, use: () => Promise<T>): Promise<T> {
  if (directory === undefined) return await use()
  const before = process.cwd()
  process.chdir(directory)
  try {
    return await use()
  } finally {
    process.chdir(before)
  }
}

/** A line for the shell; `letterlock` is the program. */
export async function shell(line: string, options: RunOptions = {}): Promise<Ran> {
  const { stdout, ...rest } = await run('sh', ['-c', `letterlock() { '${program}' "$@"; }\n${line}`], options)
  return { ...rest, stdout: stdout.toString() }
}

function run(command: string, args: readonly string[], options: RunOptions): Promise<RanBytes> {
  const { promise, resolve, reject } = Promise.withResolvers<RanBytes>()
  const child = spawn(command, args, { cwd: options.directory, env: cleanEnv(options.env), stdio: 'pipe' })
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', data => stdout.push(data))
  child.stderr.on('data', data => stderr.push(data))
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  child.on('error', reject)
  child.on('close', code => resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }))
  return promise
}

/** A line of a script; one that is more than settings and words goes to the shell. */
async function runLine(line: string, options: RunOptions): Promise<Ran> {
  const words = /[|;&$<>`"\\]/.test(line)
    ? []
    : [...line.matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", ''))
  const command = words.indexOf('letterlock')
  const settings = words.slice(0, Math.max(0, command)).map(word => word.split('=', 2) as [string, string])
  if (command < 0 || settings.some(([name]) => !name.startsWith('LETTERLOCK_'))) return await shell(line, options)
  return await letterlock(words.slice(command + 1), {
    ...options,
    env: { ...options.env, ...Object.fromEntries(settings) },
  })
}

interface Step {
  line: number
  command: string
  stdin: string[]
  stdout: string[]
  stderr: string[]
  code: number
}

/** What scripts use as a password: it is never printed. */
export const secret = 'hunter2'

/**
 * Runs the script; each command must print what it says, on the stream that it says, and end as it says. Returns the commands
 * that printed a secret.
 */
export async function runScript(file: string, env: Record<string, string> = {}): Promise<string[]> {
  const leaks: string[] = []
  const { steps, files } = parseScript(readFileSync(file, 'utf8'))
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-cli-'))
  try {
    for (const [name, text] of files) writeFileSync(path.join(directory, name), text)
    for (const step of steps) {
      const stdin = step.stdin.map(line => `${line}\n`).join('')
      const ran = await runLine(step.command, { env, directory, stdin })
      const where = `${path.basename(file)}:${step.line}: ${step.command}`
      if (`${ran.stdout}${ran.stderr}`.includes(secret)) leaks.push(where)
      expect(ran, where).toEqual({
        code: step.code,
        stdout: fitting(ran.stdout, step.stdout),
        stderr: fitting(ran.stderr, step.stderr),
      })
    }
    return leaks
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function parseScript(text: string): { steps: Step[]; files: [string, string][] } {
  const [script = '', ...blocks] = text.split(/^-- (\S+) --\n/m)
  const files = blocks.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, blocks[i + 1] ?? '']] : []))
  const steps: Step[] = []
  for (const [i, line] of script.split('\n').entries()) {
    if (line.startsWith('#') || line === '') continue
    const step = steps.at(-1)
    if (line.startsWith('$ '))
      steps.push({ line: i + 1, command: line.slice(2), stdin: [], stdout: [], stderr: [], code: 0 })
    else if (line.startsWith('< ')) step?.stdin.push(line.slice(2))
    else if (line === '!' || line.startsWith('! ')) step?.stderr.push(line.slice(2))
    else if (line.startsWith('= ')) Object.assign(step ?? {}, { code: Number(line.slice(2)) })
    else step?.stdout.push(line)
  }
  return { steps, files }
}

/** The text itself if it is what was expected, else the expectation, so that a failure shows both. */
function fitting(text: string, expected: readonly string[]): string {
  const wanted = expected.map(line => `${line}\n`).join('')
  const pattern = expected
    .map(line => (line === '...' ? '(?:[^\\n]*\\n)*?' : `${line.split('…').map(literally).join('[^\\n]*')}\\n`))
    .join('')
  const lines = text.replace(/\n\n+/g, '\n').replace(/^\n/, '')
  return new RegExp(`^${pattern}$`).test(lines) ? text : wanted
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
