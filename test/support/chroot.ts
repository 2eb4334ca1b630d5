// Servers from Debian whose packages would remove Dovecot: each has a system of its own, made once and kept under node_modules, in
// which it runs with mounts and process ids of its own. Whatever ends the starter, the kernel ends all of it, and nothing is left
// mounted. Root only.
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
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { createCertificates } from '../../src/embedded/certificates.ts'
import { user } from './dovecot.ts'
import { createOtherClient, type FlowServer, freePorts, greets } from './flow-server.ts'

const cache = new URL('../../node_modules/.cache/letterlock-servers', import.meta.url).pathname
const suite = 'bookworm'
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
  const root = await makeChroot(wanted.name, wanted.packages)
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

/** The directory of a Debian with these packages; their services are not started. */
async function makeChroot(name: string, packages: readonly string[]): Promise<string> {
  const root = path.join(cache, `${name}-${suite}`)
  if (existsSync(root)) return root
  const draft = `${root}.${process.pid}`
  mkdirSync(cache, { recursive: true })
  rmSync(draft, { recursive: true, force: true })
  process.stderr.write(`a Debian for ${name} is made in ${root}, once\n`)
  await run('setpriv', [...ending, 'unshare', ...namespaces, 'sh', '-euc', recipe, 'sh', draft, ...packages], {
    maxBuffer: 1e8,
  })
  renameSync(draft, root)
  return root
}

const ending = ['--pdeathsig', 'KILL']

const recipe = `
root=$1; shift
debootstrap --variant=minbase ${suite} "$root"
printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
export DEBIAN_FRONTEND=noninteractive
chroot "$root" apt-get update
chroot "$root" apt-get install -y --no-install-recommends "$@"
chroot "$root" apt-get clean
rm -rf "$root/var/lib/apt/lists"
mkdir "$root/letterlock"
`

interface ChrootRun {
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
async function startInChroot({ root, state, script, isReady }: ChrootRun): Promise<AsyncDisposable> {
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
