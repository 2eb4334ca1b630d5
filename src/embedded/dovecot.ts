// A private Dovecot for the demo and for tests: TLS, STARTTLS and cleartext on free loopback ports, its own CA, mail in Maildirs
// into which we deliver ourselves.
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import path from 'node:path'
import { createCertificates } from './certificates.ts'
import { type ServerStart, startServer } from './child.ts'
import { claimDirectory } from './claim.ts'
import { otherUser, type Ports, type Setup, toDovecotConfiguration } from './dovecot-configuration.ts'
import { type Maildirs, openMaildirs } from './maildir.ts'
import { findPrograms } from './programs.ts'

export interface DovecotUser {
  name: string
  password: string
}

export interface DovecotOptions {
  /** Where mail and configuration lie; as root everybody must be able to reach it. */
  directory: string
  users: readonly DovecotUser[]
  progress(line: string): void
  signal: AbortSignal
  /** Serves a certificate whose time is over. */
  expired?: boolean
  /** `false`: no port offers STARTTLS, and there is no TLS. */
  tls?: false
  /** Further lines of dovecot.conf. */
  settings?: string
}

export interface Dovecot extends Maildirs, AsyncDisposable {
  host: string
  ports: Ports
  /** The CA that its certificate comes from. */
  caPem: string
}

export const dovecotPrograms = ['dovecot', 'openssl', 'setpriv', 'flock'] as const

/** Starts it and waits until it takes connections. Ports and certificates stay what they were at the last start, if they can. */
export async function startDovecot(options: DovecotOptions): Promise<Dovecot> {
  const { directory, progress, signal } = options
  const programs = await findPrograms(dovecotPrograms, { progress, signal })
  await using stack = new AsyncDisposableStack()
  const claim = stack.use(await claimDirectory(directory, programs.flock))
  const tree = openTree(directory)
  const certificates = await createCertificates({
    openssl: programs.openssl,
    directory: tree.settings,
    ...(options.expired ? { expired: true } : {}),
  })
  const setup: Omit<Setup, 'ports'> = {
    ...tree,
    run: claim.folder,
    users: path.join(tree.settings, 'users'),
    certificates,
    greeting: path.basename(claim.folder),
    tls: options.tls ?? true,
    more: options.settings ?? '',
  }
  writeFileSync(setup.users, options.users.map(passwordLine).join(''))
  // Dovecot wants it so; each socket in it has its own mode.
  chmodSync(claim.folder, 0o755)
  handOver(claim.folder)
  const ports = await onFreePorts(path.join(tree.settings, 'ports.json'), async chosen => {
    const config = path.join(tree.settings, 'dovecot.conf')
    writeFileSync(config, toDovecotConfiguration({ ...setup, ports: chosen }))
    letRead(tree.settings)
    const arguments_ = [...asOtherUser(), programs.dovecot, '-F', '-c', config]
    const isReady = () => greets(chosen.cleartext, setup.greeting)
    stack.use(await serve({ ...options, note: claim.note, isReady }, programs.setpriv, arguments_))
  })
  const opened = stack.move()
  return {
    host: '127.0.0.1',
    ports,
    caPem: certificates.caPem,
    ...openMaildirs(tree.mail, otherUser()),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function serve(
  start: DovecotOptions & Pick<ServerStart, 'note' | 'isReady'>,
  setpriv: string,
  args: readonly string[],
): Promise<AsyncDisposable> {
  const logFile = path.join(start.directory, 'dovecot.log')
  return startServer({ ...start, name: 'Dovecot', setpriv, command: setpriv, args, logFile })
}

interface Tree {
  settings: string
  mail: string
  home: string
}

/** As root, Dovecot's user may change nothing but mail: what root writes or reads elsewhere cannot be turned against it. */
function openTree(directory: string): Tree {
  if (otherUser() !== undefined) chmodSync(directory, 0o711)
  const at = (name: string): string => {
    const folder = path.join(directory, name)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return folder
  }
  const tree = { settings: at('settings'), mail: at('mail'), home: at('home') }
  handOver(tree.mail)
  handOver(tree.home)
  return tree
}

/** As root: gives it to Dovecot's user. */
function handOver(folder: string): void {
  const other = otherUser()
  if (other !== undefined) chownSync(folder, other, other)
}

/** As root: Dovecot's user may read the folder and the files in it. */
function letRead(folder: string): void {
  const other = otherUser()
  if (other === undefined) return
  for (const entry of [folder, ...readdirSync(folder).map(file => path.join(folder, file))]) {
    chownSync(entry, 0, other)
    chmodSync(entry, entry === folder ? 0o750 : 0o640)
  }
}

function passwordLine(user: DovecotUser): string {
  return `${user.name}:{PLAIN.b64}${Buffer.from(user.password).toString('base64')}\n`
}

/** The second `--pdeathsig`: a change of user takes the first away. */
function asOtherUser(): string[] {
  const other = otherUser()
  const change = other === undefined ? [] : [`--reuid=${other}`, `--regid=${other}`, '--clear-groups']
  return [...change, '--pdeathsig', 'TERM']
}

/** Between our look at a port and the start somebody else may take it: then others are tried. */
async function onFreePorts(file: string, start: (ports: Ports) => Promise<void>): Promise<Ports> {
  for (let attempt = 1; ; attempt++) {
    const ports = await choosePorts(file)
    try {
      await start(ports)
      return ports
    } catch (error) {
      if (attempt === 3 || !/listeners/.test((error as Error).message)) throw error
    }
  }
}

/** Those of the last start if they are free, so that what was told about them stays true; otherwise any. */
async function choosePorts(file: string): Promise<Ports> {
  let last: Partial<Ports> = {}
  try {
    last = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // This is the first start.
  }
  await using held = new AsyncDisposableStack()
  const hold = async (port = 0): Promise<number> => {
    const server = createServer()
    server.listen(port, '127.0.0.1')
    const taken = await once(server, 'listening').then(
      () => false,
      () => true,
    )
    if (taken) return await hold()
    held.defer(() => new Promise(resolve => server.close(() => resolve())))
    return (server.address() as AddressInfo).port
  }
  const ports = {
    tls: await hold(last.tls),
    starttls: await hold(last.starttls),
    cleartext: await hold(last.cleartext),
  }
  writeFileSync(file, JSON.stringify(ports))
  return ports
}

/** It is ours that greets, not another that took the port. */
async function greets(port: number, greeting: string): Promise<boolean> {
  return await new Promise(resolve => {
    const connection = connect(port, '127.0.0.1')
    const end = (ready: boolean): void => {
      connection.destroy()
      resolve(ready)
    }
    connection.setTimeout(2_000, () => end(false))
    connection.once('error', () => end(false))
    connection.once('close', () => end(false))
    connection.once('data', data => end(data.toString('latin1').includes(greeting)))
  })
}
