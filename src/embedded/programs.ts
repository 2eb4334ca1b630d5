// The programs of the embedded servers: found in the usual places, or installed with apt where we are root on Debian and nobody
// is asked; otherwise one exact command is printed. Only packages without system services are installed.
import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import path from 'node:path'
import { ServiceError } from '../errors.ts'

export type Program = 'mariadbd' | 'mariadb-install-db' | 'redis-server' | 'dovecot' | 'doveadm' | 'openssl' | 'setpriv'

interface Source {
  /** Names under which it may lie, the first that exists is taken. */
  names: readonly string[]
  packages: readonly string[]
}

const sources: Record<Program, Source> = {
  mariadbd: { names: ['mariadbd', 'mysqld'], packages: ['mariadb-server-core'] },
  'mariadb-install-db': { names: ['mariadb-install-db'], packages: ['mariadb-server-core', 'mariadb-client'] },
  // Debian's redis-tools carries the server under the name of its checker; it behaves by the name that it is called by.
  'redis-server': { names: ['redis-server', 'redis-check-rdb'], packages: ['redis-tools'] },
  dovecot: { names: ['dovecot'], packages: ['dovecot-imapd'] },
  doveadm: { names: ['doveadm'], packages: ['dovecot-imapd'] },
  openssl: { names: ['openssl'], packages: ['openssl'] },
  setpriv: { names: ['setpriv'], packages: ['util-linux'] },
}

const systemFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Where the program lies, or undefined. `searchPath` as in $PATH; system folders are searched too unless it is given. */
export function findProgram(program: Program, searchPath?: string): string | undefined {
  const folders =
    searchPath === undefined ? [...(process.env.PATH ?? '').split(':'), ...systemFolders] : searchPath.split(':')
  const places = sources[program].names.flatMap(name => folders.map(folder => path.join(folder, name)))
  return places.find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return path.isAbsolute(file)
  } catch {
    return false
  }
}

export interface ProgramOptions {
  progress(line: string): void
  signal: AbortSignal
  /** Where to look; default $PATH and the system's folders. */
  searchPath?: string
}

/** Paths of all of them. Throws ServiceError `embedded.programs_missing` that names the command to run. */
export async function findPrograms<P extends Program>(
  programs: readonly P[],
  options: ProgramOptions,
): Promise<Record<P, string>> {
  const missing = programs.filter(program => findProgram(program, options.searchPath) === undefined)
  if (missing.length > 0) await install(missing, options)
  const found = programs.map(program => [program, findProgram(program, options.searchPath)] as const)
  const still = found.filter(([, file]) => file === undefined).map(([program]) => program)
  if (still.length > 0) throw absent(still)
  return Object.fromEntries(found) as Record<P, string>
}

async function install(programs: readonly Program[], options: ProgramOptions): Promise<void> {
  const mayInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get') && options.searchPath === undefined
  if (!mayInstall) throw absent(programs)
  const packages = packagesOf(programs)
  options.progress(`installing ${packages.join(', ')} …`)
  const lock = ['-o', 'DPkg::Lock::Timeout=300', '-qq']
  await runApt([...lock, 'update'], options.signal, programs)
  await runApt([...lock, 'install', '-y', '--no-install-recommends', ...packages], options.signal, programs)
}

function packagesOf(programs: readonly Program[]): string[] {
  return [...new Set(programs.flatMap(program => sources[program].packages))]
}

/** Two copies of this program may install at once: apt waits for its own lock, but not for that of its lists, so that is tried again. */
async function runApt(args: readonly string[], signal: AbortSignal, programs: readonly Program[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { code, output } = await run('/usr/bin/apt-get', args, signal)
    if (code === 0) return
    const busy = /lock/i.test(output) && attempt < 60
    if (!busy)
      throw absent(programs, `apt-get ${args.includes('update') ? 'update' : 'install'} failed: ${lastLine(output)}`)
    await new Promise(resolve => setTimeout(resolve, 2_000))
    signal.throwIfAborted()
  }
}

async function run(
  file: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ code: number | null; output: string }> {
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    signal,
  })
  const output: string[] = []
  child.stdout.on('data', data => output.push(String(data)))
  child.stderr.on('data', data => output.push(String(data)))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, output: output.join('') }
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? ''
}

function absent(programs: readonly Program[], why?: string): ServiceError {
  const list = programs.join(', ')
  return new ServiceError('embedded.programs_missing', why ?? `this needs programs that are not installed: ${list}`, {
    temporary: false,
    hint: `run \`sudo apt-get install --no-install-recommends ${packagesOf(programs).join(' ')}\`, or name servers of your own in database.url and redis.url`,
  })
}
