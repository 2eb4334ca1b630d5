// The server's own tools, which write a dump and load one: MariaDB's or MySQL's, whichever belongs to the server and is installed. Host, user
// and password are in an option file of mode 0600 that is there only while the tool runs: arguments and environment are for all to see.
import { execFile, spawn } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import type { Knex } from 'knex'
import type { Config } from '../../config/config.ts'
import { OperationError } from '../../errors/errors.ts'
import { isLocal, readPassword } from '../db/database.ts'
import { type DumpAccess, dumpArguments, type ToolFamily, toOptionFile } from './dump-options.ts'

const programs = {
  dump: { mariadb: 'mariadb-dump', mysql: 'mysqldump' },
  load: { mariadb: 'mariadb', mysql: 'mysql' },
} as const

const systemFolders = ['/usr/local/bin', '/usr/bin', '/bin']

export interface Tool {
  file: string
  family: ToolFamily
  /** As it says itself. */
  version: string
}

/** The tool that fits the database's server. Throws OperationError `backup.tool_missing`. */
export async function findTool(db: Knex, what: keyof typeof programs): Promise<Tool> {
  const [[row]] = (await db.raw('SELECT VERSION() AS version')) as [[{ version: string }]]
  const server = row.version.includes('MariaDB') ? 'mariadb' : 'mysql'
  const names = programs[what]
  const wanted = server === 'mariadb' ? [names.mariadb, names.mysql] : [names.mysql, names.mariadb]
  const folders = [...(process.env.PATH ?? '').split(':'), ...systemFolders].filter(path.isAbsolute)
  const file = wanted.flatMap(name => folders.map(folder => path.join(folder, name))).find(isExecutable)
  if (file === undefined) throw new OperationError('backup.tool_missing', { tool: wanted[0] as string })
  const { stdout } = await promisify(execFile)(file, ['--no-defaults', '--version'], { env: toolEnv() })
  return { file, family: stdout.includes('MariaDB') ? 'mariadb' : 'mysql', version: stdout.trim() }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** None of ours: it may hold settings, and the tools have variables of their own. */
function toolEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: 'C' }
}

/** Where the database is, and what opens it now. */
export function dumpAccessOf(db: Knex, config: Config['database']): DumpAccess {
  const { socketPath, host, port, user, database } = db.client.connectionSettings
  const password = readPassword(config.passwordFile, 'database-password')
  const systemCa = '/etc/ssl/certs/ca-certificates.crt'
  const ca = config.caFile || (existsSync(systemCa) ? systemCa : '')
  const isPlain = socketPath !== undefined || (isLocal(host) && config.caFile === '')
  return {
    ...{ user, database, password: password ?? '', ca: isPlain ? null : ca },
    ...(socketPath === undefined ? { host, port } : { socketPath }),
  }
}

/** Lends the SQL text of a dump of one moment. Throws OperationError `backup.tool_failed` if the tool fails, whatever was read before. */
export async function withDump(tool: Tool, access: DumpAccess, use: (sql: Readable) => Promise<void>): Promise<void> {
  await runTool(tool, access, dumpArguments(tool.family), async child => await use(child.stdout))
}

/** Lends what loads SQL text into the database. */
export async function withLoad(tool: Tool, access: DumpAccess, use: (sql: Writable) => Promise<void>): Promise<void> {
  await runTool(tool, access, ['--default-character-set=utf8mb4'], async child => {
    child.stdout.resume()
    await use(child.stdin)
  })
}

interface Running {
  stdin: Writable
  stdout: Readable
}

const maxComplaint = 2_000

async function runTool(
  tool: Tool,
  access: DumpAccess,
  args: readonly string[],
  use: (running: Running) => Promise<void>,
): Promise<void> {
  await withOptionFile(toOptionFile(access, tool.family), async options => {
    const child = spawn(tool.file, [`--defaults-file=${options}`, ...args, access.database], {
      stdio: 'pipe',
      env: toolEnv(),
    })
    const ended = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
    ended.catch(() => {})
    let complaint = ''
    child.stderr.on('data', data => {
      complaint = (complaint + data).slice(-maxComplaint)
    })
    // A tool that fails closes its end: its complaint says why, not the broken pipe.
    const using = use(child).then(
      () => undefined,
      error => {
        child.kill()
        return error
      },
    )
    const [code, fault] = [await ended, await using]
    const why = complaint.trim().split('\n').at(-1) ?? ''
    if (code !== 0 && (code !== null || fault === undefined || why !== ''))
      throw new OperationError('backup.tool_failed', { tool: path.basename(tool.file), why }, { cause: fault })
    if (fault !== undefined) throw fault
  })
}

/** In a directory that nobody else may look into. */
async function withOptionFile(text: string, use: (file: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'letterlock-dump-'))
  try {
    const file = path.join(directory, 'options.cnf')
    await writeFile(file, text, { mode: 0o600 })
    await use(file)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
