// The programs of the embedded servers: found in the usual places, or installed with apt where we are root on Debian and nobody
// has to be asked; otherwise one exact command is printed. No service of the system is started by that: the packages of MariaDB and
// Redis have none, and those of Dovecot and Prometheus are kept from starting now and at the next boot.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { ServiceError } from '../errors/errors.ts'

export type Program =
  | 'mariadbd'
  | 'mariadb-install-db'
  | 'redis-server'
  | 'dovecot'
  | 'openssl'
  | 'setpriv'
  | 'flock'
  | 'chromium-headless-shell'
  | 'chromium'
  | 'promtool'

interface Source {
  /** Names under which it may lie, the first that exists is taken. */
  names: readonly string[]
  packages: readonly string[]
}

const sources: Record<Program, Source> = {
  mariadbd: { names: ['mariadbd', 'mysqld'], packages: ['mariadb-server-core'] },
  'mariadb-install-db': { names: ['mariadb-install-db'], packages: ['mariadb-server-core', 'mariadb-client'] },
  // Debian's redis-tools carries the server under the name of its checker; it behaves by the name that it is called by.
  'redis-server': { names: ['redis-server', 'valkey-server', 'redis-check-rdb'], packages: ['redis-tools'] },
  dovecot: { names: ['dovecot'], packages: ['dovecot-imapd'] },
  openssl: { names: ['openssl'], packages: ['openssl'] },
  setpriv: { names: ['setpriv'], packages: ['util-linux'] },
  flock: { names: ['flock'], packages: ['util-linux'] },
  // For the tests, which look at mails as a reader's browser does.
  'chromium-headless-shell': {
    names: ['chromium-headless-shell'],
    packages: ['chromium-headless-shell', 'fonts-dejavu-core'],
  },
  chromium: { names: ['chromium'], packages: ['chromium', 'fonts-dejavu-core'] },
  // For the tests of the alerts.
  promtool: { names: ['promtool'], packages: ['prometheus'] },
}

const systemFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

export interface ProgramOptions {
  progress(line: string): void
  signal: AbortSignal
  /** Where to look instead of $PATH and the system's folders; what is missing there is not installed. */
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

function findProgram(program: Program, searchPath?: string): string | undefined {
  const folders = searchPath?.split(':') ?? [...(process.env.PATH ?? '').split(':'), ...systemFolders]
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

function packagesOf(programs: readonly Program[]): string[] {
  return [...new Set(programs.flatMap(program => sources[program].packages))]
}

function absent(programs: readonly Program[], why?: string): ServiceError {
  const packages = packagesOf(programs)
  return new ServiceError(
    'embedded.programs_missing',
    { programs, packages, ...(why === undefined ? {} : { why }) },
    { temporary: false },
  )
}

async function install(programs: readonly Program[], options: ProgramOptions): Promise<void> {
  const mayInstall = process.getuid?.() === 0 && existsSync(aptGet) && options.searchPath === undefined
  if (!mayInstall) throw absent(programs)
  const packages = packagesOf(programs)
  options.progress(`installing ${packages.join(', ')} …`)
  await using _quiet = await keepServicesFromStarting(packages)
  const arguments_ = ['install', '-y', '--no-install-recommends', ...packages]
  if (hasFreshLists() && (await apt(arguments_, options)).code === 0) return
  await apt(['update'], options)
  const { code, complaint } = await apt(arguments_, options)
  if (code !== 0) throw absent(programs, complaint)
}

const aptGet = '/usr/bin/apt-get'
const listsAreFreshForMs = 3_600_000

function hasFreshLists(): boolean {
  const lists = statSync('/var/lib/apt/lists/partial', { throwIfNoEntry: false })
  return lists !== undefined && Date.now() - lists.mtimeMs < listsAreFreshForMs
}

const lockPatienceMs = 300_000

/** Another copy of this program may install at the same time: apt waits for some of its locks by itself, for the others we do. */
async function apt(args: readonly string[], options: ProgramOptions): Promise<{ code: number; complaint: string }> {
  const deadline = Date.now() + lockPatienceMs
  for (;;) {
    options.signal.throwIfAborted()
    const end = await runApt(['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], options)
    options.signal.throwIfAborted()
    const locked = /could not get lock|unable to lock/i.test(end.complaint)
    if (!locked || Date.now() > deadline) return end
    options.progress('waiting for another installation to end …')
    await wait(2_000, undefined, { signal: options.signal })
  }
}

/** In a session of its own, and an installation is never cut short: a Ctrl-C in the midst of it would leave dpkg half done. */
async function runApt(
  args: readonly string[],
  { progress, signal }: ProgramOptions,
): Promise<{ code: number; complaint: string }> {
  const child = spawn(aptGet, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    detached: true,
  })
  const ended = once(child, 'close') as Promise<[number | null]>
  const onAbort = (): void => {
    if (args.includes('update')) child.kill()
    else progress('apt-get is let finish what it does …')
  }
  signal.addEventListener('abort', onAbort, { once: true })
  let complaint = ''
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', line => {
      if (line.startsWith('E: ')) complaint += `${line.slice(3)} `
      if (/^(Need to get |Setting up )/.test(line)) progress(`  ${line}`)
    })
  }
  const [code] = await ended
  signal.removeEventListener('abort', onAbort)
  return { code: code ?? 1, complaint: complaint.trim() }
}

const policyFile = '/usr/sbin/policy-rc.d'

/**
 * Debian starts the service of a package when it installs it, unless this file says no. Ours says so only while this process lives,
 * so that one that was left behind does no harm. Where there is such a file already, it decides.
 */
async function keepServicesFromStarting(packages: readonly string[]): Promise<AsyncDisposable> {
  const ours = '# Written by letterlock while it installs packages; may be removed.'
  const isOurs = (): boolean => existsSync(policyFile) && readFileSync(policyFile, 'utf8').includes(ours)
  const added = services.filter(({ of, program }) => packages.includes(of) && !existsSync(program))
  const hasService = services.some(({ of }) => packages.includes(of))
  if (!hasService || (existsSync(policyFile) && !isOurs())) {
    return { [Symbol.asyncDispose]: async () => {} }
  }
  writeFileSync(policyFile, `#!/bin/sh\n${ours}\nkill -0 ${process.pid} 2>/dev/null && exit 101\nexit 0\n`, {
    mode: 0o755,
  })
  return {
    async [Symbol.asyncDispose]() {
      if (isOurs()) rmSync(policyFile)
      for (const service of added) if (existsSync(service.program)) await disable(service)
    },
  }
}

interface Service {
  /** The package. */
  of: string
  program: string
  name: string
  units: readonly string[]
}

const services: readonly Service[] = [
  {
    of: 'dovecot-imapd',
    program: '/usr/sbin/dovecot',
    name: 'dovecot',
    units: ['dovecot.service', 'dovecot.socket'],
  },
  { of: 'prometheus', program: '/usr/bin/prometheus', name: 'prometheus', units: ['prometheus.service'] },
]

/** What we installed for ourselves must not become a server of this machine at its next boot. */
async function disable({ name, units }: Service): Promise<void> {
  for (const [file, ...args] of [
    ['/usr/bin/systemctl', 'disable', ...units],
    ['/usr/sbin/update-rc.d', name, 'disable'],
  ] as const) {
    if (!existsSync(file)) continue
    await new Promise(resolve => spawn(file, args, { stdio: 'ignore' }).once('close', resolve).once('error', resolve))
  }
}
