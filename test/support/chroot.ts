// Servers that this machine's own packages do not give: other versions, and those whose packages would remove Dovecot. Each has a Debian or
// Ubuntu of its own, made once and kept in the user's cache, in which it runs with mounts and process ids of its own. Whatever ends the starter,
// the kernel ends all of it, and nothing is left mounted. Root only.
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { createCertificates } from '../../src/embedded/certificates.ts'
import { user } from './dovecot.ts'
import { createOtherClient, type FlowServer, freePorts, greets } from './flow-server.ts'

/** Outside the repository: a fresh clone finds them. */
const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'letterlock-servers')

/** Where packages come from; those of Ubuntu are older and newer than any that Debian has. */
export type Suite = 'bookworm' | 'trixie' | 'sid' | 'jammy' | 'resolute'
const run = promisify(execFile)

/** Why no such server can run here, or null. */
export function chrootsImpossible(): string | null {
  if (process.getuid?.() !== 0) return 'only root can make a chroot: run the long tests as root to try other servers'
  for (const program of ['debootstrap', 'unshare', 'setpriv']) {
    if (spawnSync(program, ['--version']).error !== undefined)
      return `${program} is not installed: apt-get install debootstrap util-linux`
  }
  const tried = spawnSync('unshare', [...namespaces, 'true'])
  return tried.status === 0 ? null : 'this machine lets not even root have mounts of its own (unshare)'
}

export interface ChrootServer {
  name: string
  packages: readonly string[]
  /** Writes its files into the directory that is `/letterlock` inside. */
  configure(state: string, ports: ServerPorts): void
  /** Shell commands inside, before its first start. */
  prepare: string
  /** Shell commands inside; the last one stays. */
  start(ports: ServerPorts): string
  nameOf: FlowServer['nameOf']
}

export interface ServerPorts {
  imap: number
  imaps: number
}

/** Starts it with an account for `user`; what it writes is gone with it. */
export async function startChrootServer(wanted: ChrootServer): Promise<FlowServer> {
  await using stack = new AsyncDisposableStack()
  const root = await makeChroot({ name: wanted.name, suite: 'bookworm', packages: wanted.packages })
  const state = mkdtempSync(path.join(tmpdir(), `letterlock-${wanted.name}-`))
  stack.defer(() => rmSync(state, { recursive: true, force: true }))
  const { caPem } = await createCertificates({ openssl: 'openssl', directory: state })
  const [imap = 0, imaps = 0] = await freePorts(2)
  wanted.configure(state, { imap, imaps })
  chmodSync(state, 0o755)

  const isReady = () => greets(imap)
  const script = wanted.start({ imap, imaps })
  let server = await startInChroot({ root, state, script: wanted.prepare + script, isReady })
  stack.defer(() => server[Symbol.asyncDispose]())
  const destination: FlowServer['destination'] = security => ({
    host: '127.0.0.1',
    port: security === 'tls' ? imaps : imap,
    security,
    username: user.name,
    caPem,
  })
  const client = createOtherClient(user, () => destination('tls'))
  const opened = stack.move()
  return {
    ...client,
    user,
    destination,
    nameOf: wanted.nameOf,
    async restart() {
      await server[Symbol.asyncDispose]()
      server = await startInChroot({ root, state, script, isReady })
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const namespaces = ['--mount', '--pid', '--fork', '--kill-child=KILL']

export interface Tree {
  /** What its directory is called, with the suite. */
  name: string
  suite: Suite
  packages: readonly string[]
}

/** The directory of a system with these packages, made if it is not there; their services are not started. */
export async function makeChroot({ name, suite, packages }: Tree): Promise<string> {
  const root = path.join(cache, `${name}-${suite}`)
  if (existsSync(root)) return root
  const draft = `${root}.${process.pid}`
  mkdirSync(cache, { recursive: true })
  rmSync(draft, { recursive: true, force: true })
  process.stderr.write(`a system for ${name} (${suite}) is made in ${root}, once\n`)
  const args = [draft, await bootstrapArguments(suite), ...packages]
  await run('setpriv', [...ending, 'unshare', ...namespaces, 'sh', '-euc', recipe, 'sh', ...args], { maxBuffer: 1e8 })
  renameSync(draft, root)
  return root
}

/** For Ubuntu with its keys, which Debian signs in a package of its own. */
async function bootstrapArguments(suite: Suite): Promise<string> {
  if (suite !== 'jammy' && suite !== 'resolute') return suite
  const debian = await makeChroot({ name: 'ubuntu-keys', suite: 'trixie', packages: ['ubuntu-archive-keyring'] })
  const keys = path.join(debian, 'usr/share/keyrings/ubuntu-archive-keyring.gpg')
  return `--keyring=${keys} --components=main,universe ${suite}`
}

const ending = ['--pdeathsig', 'KILL']

/** debootstrap of an older Debian does not know newer suites by name: those of Ubuntu are all made as `gutsy` is. */
const recipe = `
root=$1 arguments=$2; shift 2
case "$arguments" in
  *universe*) debootstrap --variant=minbase $arguments "$root" http://archive.ubuntu.com/ubuntu /usr/share/debootstrap/scripts/gutsy ;;
  *) debootstrap --variant=minbase $arguments "$root" ;;
esac
printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
export DEBIAN_FRONTEND=noninteractive
chroot "$root" apt-get -o Acquire::Check-Valid-Until=false update
chroot "$root" apt-get install -y --no-install-recommends "$@"
chroot "$root" apt-get clean
rm -rf "$root/var/lib/apt/lists"
mkdir "$root/letterlock"
`

export interface ChrootRun {
  root: string
  /** Is `/letterlock` inside; what it says is written to `server.log` there. */
  state: string
  /** Shell commands inside; the last one stays. */
  script: string
  isReady(): Promise<boolean>
}

/**
 * Runs a server and waits until it is ready. Disposing it ends every process of it: the first of its process ids is a shell that
 * stays, because the kernel forgets what is to happen at its parent's death when a server changes its user.
 */
export async function startInChroot({ root, state, script, isReady }: ChrootRun): Promise<AsyncDisposable> {
  const logFile = path.join(state, 'server.log')
  const log = createWriteStream(logFile, { flags: 'a' })
  await once(log, 'open')
  const outside =
    'mount -t proc proc "$1/proc"; mount --bind /dev "$1/dev"; mount --bind "$2" "$1/letterlock"; chroot "$1" sh -euc "$3" & wait $!'
  const child = spawn(
    'setpriv',
    [...ending, 'unshare', ...namespaces, 'sh', '-euc', outside, 'sh', root, state, script],
    { stdio: ['ignore', log, log], env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } },
  )
  const stop = () => end(child)
  try {
    for (
      const deadline = Date.now() + 30_000;
      !(await isReady());
      await new Promise(resolve => setTimeout(resolve, 50))
    ) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`the server did not start:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`)
    }
  } catch (error) {
    await stop()
    throw error
  } finally {
    log.close()
  }
  return { [Symbol.asyncDispose]: stop }
}

/** Ends the first of its processes, with which the others go; `unshare` ends when all of them have. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  const [first] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
  if (first === undefined || first === '') child.kill('SIGKILL')
  else process.kill(Number(first), 'SIGKILL')
  await ended
}
