// A Debian that really boots: systemd as process 1, a journal, units. Its tree is made once and kept in the cache directory of the user; what a
// test writes lies in an overlay above it and is gone with the container. It has a network of its own without a way out, so packages are
// chosen when the tree is made. Whatever ends the test, the kernel ends the container and its mounts. Root only.
import {
  type ChildProcess,
  type ExecFileOptionsWithStringEncoding,
  execFile,
  spawn,
  spawnSync,
} from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'letterlock-systems')
const run = promisify(execFile)

/** Why no Debian can be booted here, or null. Decided by trying: this machine's own programs, as a container without a boot. */
export function containersImpossible(): string | null {
  if (process.getuid?.() !== 0) return 'only root can boot a Debian: run the tests of the system as root'
  for (const program of ['debootstrap', 'systemd-nspawn', 'nsenter', 'unshare', 'setpriv']) {
    if (spawnSync(program, ['--version']).error !== undefined)
      return `${program} is not installed: apt-get install debootstrap systemd-container util-linux`
  }
  const own = [...nspawn, '--machine=letterlock-trial', '--volatile=yes', '-D', '/', '--', 'true']
  const tried = spawnSync('unshare', ['--mount', 'systemd-nspawn', ...own], { encoding: 'utf8', timeout: 60_000 })
  return tried.status === 0 ? null : `systemd-nspawn runs nothing on this machine: ${tried.stderr.trim()}`
}

const nspawn = ['--quiet', '--register=no', '--keep-unit', '--private-network', '--console=pipe']

export interface SystemOptions {
  /** Installed beside systemd when the tree is made; their services start at boot unless a test disables them. */
  packages: readonly string[]
  /** Downloaded when the tree is made, so that a test can install them inside, as an operator does. */
  offered?: readonly string[]
  suite?: string
  /** Folders of the host that are shown read-only inside: path inside by path of the host. */
  shown?: Readonly<Record<string, string>>
}

export interface Ran {
  status: number
  stdout: string
  stderr: string
}

export interface System extends AsyncDisposable {
  /** The root directory of the running system, as the host sees it: files can be read and written there. */
  readonly root: string
  /** Runs shell commands inside, as root, and returns what they printed. Throws if they fail. */
  run(commands: string, options?: RunOptions): Promise<string>
  /** The same, whatever they end with. */
  attempt(commands: string, options?: RunOptions): Promise<Ran>
  /** Copies a file or a folder of the host to a path inside. */
  copyIn(from: string, to: string): void
  /** Reboots as an operator would, and waits until it is up again. */
  reboot(): Promise<void>
  /** Powers off; the disposal does the same. */
  powerOff(): Promise<void>
}

export interface RunOptions {
  input?: string
  env?: Readonly<Record<string, string>>
  timeoutMs?: number
}

/** Boots a system with these packages; resolves once systemd says that it is up. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const base = await makeTree(options.suite ?? 'bookworm', options.packages, options.offered ?? [])
  const place = mkdtempSync(path.join(tmpdir(), 'letterlock-system-'))
  for (const name of ['upper', 'work', 'root']) mkdirSync(path.join(place, name))
  let booted = await boot(base, place, options.shown ?? {})

  const attempt: System['attempt'] = (commands, runOptions) => runInside(booted.leader, commands, runOptions)
  const powerOff = async (): Promise<void> => {
    if (hasEnded(booted.child)) return
    const ended = once(booted.child, 'exit')
    await attempt('systemctl poweroff', { timeoutMs: 10_000 })
    await Promise.race([ended, wait(60_000, undefined, { ref: false })])
    if (!hasEnded(booted.child)) {
      process.kill(booted.leader, 'SIGKILL')
      await ended
    }
  }
  const rootOf = (): string => `/proc/${booted.leader}/root`
  return {
    get root() {
      return rootOf()
    },
    attempt,
    async run(commands, runOptions) {
      const ran = await attempt(commands, runOptions)
      if (ran.status !== 0) throw new Error(`${commands}\nexit ${ran.status}\n${ran.stdout}${ran.stderr}`)
      return ran.stdout
    },
    copyIn(from, to) {
      cpSync(from, path.join(rootOf(), to), { recursive: true, verbatimSymlinks: true })
    },
    async reboot() {
      await powerOff()
      booted = await boot(base, place, options.shown ?? {})
    },
    powerOff,
    async [Symbol.asyncDispose]() {
      await powerOff()
      rmSync(place, { recursive: true, force: true })
    },
  }
}

/** The line of the service's journal that has this text, as soon as it has one since the last boot. */
export async function journalSays(system: System, text: string): Promise<string> {
  const found = `timeout 120 sh -c 'until journalctl -u letterlock -b -o cat | grep -F "${text}"; do sleep 0.2; done'`
  return await system.run(found, { timeoutMs: 130_000 })
}

/** The kernel kills what a killed test leaves behind, and unmounts what nobody uses. */
const ending = ['--pdeathsig', 'KILL']

/** The directory of a Debian with systemd and these packages. */
async function makeTree(suite: string, packages: readonly string[], offered: readonly string[]): Promise<string> {
  const wanted = [...[...packages].sort(), ...(offered.length > 0 ? ['--', ...offered] : [])]
  const name = createHash('sha256').update(wanted.join(' ')).digest('hex').slice(0, 12)
  const root = path.join(cache, `${suite}-${name}`)
  if (existsSync(root)) return root
  const plain = path.join(cache, `${suite}-plain`)
  mkdirSync(cache, { recursive: true })
  if (!existsSync(plain))
    await draftTree(plain, 'debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus "$2" "$1"', [suite])
  await draftTree(root, installing, [plain, ...wanted])
  return root
}

/** Writes a tree beside its place and renames it, so that one that is there is whole. */
async function draftTree(root: string, script: string, args: readonly string[]): Promise<void> {
  removeLeftDrafts()
  const draft = `${root}.${process.pid}`
  process.stderr.write(`a Debian is made in ${root}, once\n`)
  const isolated = [
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child=KILL',
    'sh',
    '-euc',
    script,
    'sh',
    draft,
    ...args,
  ]
  await run('setpriv', [...ending, ...isolated], { maxBuffer: 1e8 })
  if (existsSync(root)) rmSync(draft, { recursive: true, force: true })
  else renameSync(draft, root)
}

/** Drafts of processes that are gone. */
function removeLeftDrafts(): void {
  for (const name of readdirSync(cache)) {
    const pid = /\.(\d+)$/.exec(name)?.[1]
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(path.join(cache, name), { recursive: true })
  }
}

const installing = `
root=$1; plain=$2; shift 2
cp -a --reflink=auto "$plain" "$root"
[ $# -gt 0 ] || exit 0
printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
export DEBIAN_FRONTEND=noninteractive
echo 'APT::Install-Recommends "false";' > "$root/etc/apt/apt.conf.d/no-recommends"
chroot "$root" apt-get update
installed=
while [ $# -gt 0 ] && [ "$1" != -- ]; do installed="$installed $1"; shift; done
chroot "$root" apt-get install -y $installed
chroot "$root" apt-get clean
if [ "\${1-}" = -- ]; then
  shift
  chroot "$root" apt-get install -y --download-only "$@"
fi
rm "$root/usr/sbin/policy-rc.d"
`

interface Booted {
  child: ChildProcess
  /** The host's id of process 1 inside. */
  leader: number
}

async function boot(base: string, place: string, shown: Readonly<Record<string, string>>): Promise<Booted> {
  const binds = Object.entries(shown).map(([inside, outside]) => `--bind-ro=${outside}:${inside}`)
  const mounting =
    'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"; where=$2; shift 2; exec systemd-nspawn -D "$where/root" "$@"'
  const container = [...nspawn, '--boot', '--machine=letterlock', ...binds]
  const args = [...ending, 'unshare', '--mount', 'sh', '-euc', mounting, 'sh', base, place, ...container]
  const child = spawn('setpriv', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => said.push(text))
  for (const deadline = Date.now() + 120_000; ; await wait(200)) {
    if (hasEnded(child) || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`the system did not boot:\n${said.join('').slice(-2_000)}`)
    }
    const leader = childOf(child.pid as number)
    if (leader === undefined) continue
    const { stdout } = await runInside(leader, 'systemctl is-system-running', { timeoutMs: 10_000 })
    if (/^(running|degraded)$/m.test(stdout)) return { child, leader }
  }
}

function childOf(pid: number): number | undefined {
  const found = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]
  return found === undefined || found === '' ? undefined : Number(found)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function runInside(leader: number, commands: string, options: RunOptions = {}): Promise<Ran> {
  const { input = '', timeoutMs = 120_000 } = options
  const enter = ['-t', String(leader), '-m', '-u', '-i', '-n', '-p', '/bin/sh', '-c', commands]
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    SYSTEMD_PAGER: '',
    ...options.env,
  }
  return new Promise(resolve => {
    const child = execFile(
      'nsenter',
      enter,
      // A group of its own: what kills a group inside does not reach the test.
      {
        env,
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: 1e8,
        detached: true,
      } as ExecFileOptionsWithStringEncoding,
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 255
        resolve({ status, stdout, stderr })
      },
    )
    // A command that reads nothing may be over by now.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}
