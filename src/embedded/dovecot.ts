// A private Dovecot for the demo and for tests: TLS, STARTTLS and cleartext on free loopback ports, its own CA, mail in Maildirs
// into which we deliver ourselves. It never runs as root: Dovecot refuses mail of user 0, so root starts it as nobody.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import path from 'node:path'
import { type Certificates, createCertificates } from './certificates.ts'
import { startServer } from './child.ts'
import { claimDirectory } from './claim.ts'
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

export interface Dovecot extends AsyncDisposable {
  host: string
  ports: Ports
  /** The CA that its certificate comes from. */
  caPem: string
  /** Puts mails into a mailbox, which is made if there is none. `mailbox` in UTF-8 with `/` between levels. */
  deliver(user: string, mailbox: string, mails: readonly Buffer[]): void
  /** Gives the mailbox another UIDVALIDITY and all its mails new UIDs. */
  resetUidValidity(user: string, mailbox: string): void
  /** Mails in the mailbox, read from the file system: names of files. */
  files(user: string, mailbox: string): string[]
}

/** `starttls` and `cleartext` are alike for Dovecot: both offer STARTTLS, unless `tls` is false. */
interface Ports {
  tls: number
  starttls: number
  cleartext: number
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
  writeFileSync(path.join(tree.settings, 'users'), options.users.map(passwordLine).join(''))
  // Dovecot wants it so; each socket in it has its own mode.
  chmodSync(claim.folder, 0o755)
  if (isRoot()) chownSync(claim.folder, nobody, nobody)
  const ports = await onFreePorts(path.join(tree.settings, 'ports.json'), async chosen => {
    const config = path.join(tree.settings, 'dovecot.conf')
    writeFileSync(config, configuration(tree, claim.folder, certificates, chosen, options))
    letRead(tree.settings)
    const server = await startServer({
      name: 'Dovecot',
      setpriv: programs.setpriv,
      command: programs.setpriv,
      args: [...asNobody(), programs.dovecot, '-F', '-c', config],
      logFile: path.join(directory, 'dovecot.log'),
      note: claim.note,
      isReady: () => greets(chosen.cleartext),
      progress,
      signal,
    })
    stack.use(server)
  })
  const opened = stack.move()
  const folderOf = (user: string, mailbox: string) => maildirOf(tree.mail, user, mailbox)
  return {
    host: '127.0.0.1',
    ports,
    caPem: certificates.caPem,
    deliver: (user, mailbox, mails) => deliver(folderOf(user, mailbox), mails),
    resetUidValidity: (user, mailbox) => resetUidValidity(folderOf(user, mailbox)),
    files: (user, mailbox) =>
      ['cur', 'new'].flatMap(kind =>
        readdirSync(path.join(folderOf(user, mailbox), kind)).map(file => `${kind}/${file}`),
      ),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

interface Tree {
  settings: string
  mail: string
  home: string
}

/** As root, Dovecot's user may change nothing but mail: what root writes or reads elsewhere cannot be turned against it. */
function openTree(directory: string): Tree {
  if (isRoot()) chmodSync(directory, 0o711)
  const tree = { settings: at(directory, 'settings'), mail: at(directory, 'mail'), home: at(directory, 'home') }
  if (!isRoot()) return tree
  for (const folder of [tree.mail, tree.home]) chownSync(folder, nobody, nobody)
  return tree
}

function at(directory: string, name: string): string {
  const folder = path.join(directory, name)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

/** As root: Dovecot's user may read the folder and the files in it. */
function letRead(folder: string): void {
  if (!isRoot()) return
  for (const entry of [folder, ...readdirSync(folder).map(file => path.join(folder, file))]) {
    chownSync(entry, 0, nobody)
    chmodSync(entry, entry === folder ? 0o750 : 0o640)
  }
}

function passwordLine(user: DovecotUser): string {
  return `${user.name}:{PLAIN.b64}${Buffer.from(user.password).toString('base64')}\n`
}

function configuration(
  tree: Tree,
  run: string,
  certificates: Certificates,
  ports: Ports,
  options: Pick<DovecotOptions, 'tls' | 'settings'>,
): string {
  const { uid, gid, user, group } = identity()
  return `
base_dir = ${run}
state_dir = ${run}
log_path = /dev/stderr
info_log_path = /dev/null
protocols = imap
listen = 127.0.0.1
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
ssl = ${options.tls === false ? 'no' : 'yes'}
ssl_cert = <${certificates.certFile}
ssl_key = <${certificates.keyFile}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_fsync = never
mail_max_userip_connections = 1000
mail_location = maildir:${tree.mail}/%u
first_valid_uid = ${uid}
first_valid_gid = ${gid}
maildir_very_dirty_syncs = no
namespace inbox {
  inbox = yes
  separator = /
}
passdb {
  driver = passwd-file
  args = ${path.join(tree.settings, 'users')}
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${tree.home}/%u
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${ports.starttls}
  }
  inet_listener cleartext {
    port = ${ports.cleartext}
    ssl = no
  }
  inet_listener imaps {
    port = ${options.tls === false ? 0 : ports.tls}
    ssl = yes
  }
  client_limit = 2000
  process_limit = 200
}
service anvil {
  chroot =
  client_limit = 5000
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  client_limit = 5000
}
service imap {
  process_limit = 1200
}
service stats {
  chroot =
}
${options.settings ?? ''}`
}

const nobody = 65_534

function isRoot(): boolean {
  return process.getuid?.() === 0
}

function identity(): { uid: number; gid: number; user: string; group: string } {
  const uid = isRoot() ? nobody : (process.getuid?.() ?? nobody)
  const gid = isRoot() ? nobody : (process.getgid?.() ?? nobody)
  return { uid, gid, user: nameOf('/etc/passwd', uid), group: nameOf('/etc/group', gid) }
}

/** Dovecot wants names. */
function nameOf(file: string, id: number): string {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find(entry => entry.split(':')[2] === String(id))
  return line?.split(':')[0] ?? String(id)
}

/** The second `--pdeathsig`: a change of user takes the first away. */
function asNobody(): string[] {
  const asOther = isRoot() ? [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] : []
  return [...asOther, '--pdeathsig', 'TERM']
}

function maildirOf(mail: string, user: string, mailbox: string): string {
  const root = path.join(mail, user)
  return mailbox === 'INBOX' ? root : path.join(root, `.${toModifiedUtf7(mailbox).replaceAll('/', '.')}`)
}

/** RFC 3501 §5.1.3: how mailbox names are written on disk. */
function toModifiedUtf7(name: string): string {
  return name.replace(/&/g, '&-').replace(/[^\x20-\x7e]+/g, run => {
    const bytes = Buffer.from(run, 'utf16le').swap16()
    return `&${bytes.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`
  })
}

/** As Maildir demands: written into tmp, then renamed into new. */
function deliver(folder: string, mails: readonly Buffer[]): void {
  makeMaildir(folder)
  for (const mail of mails) {
    const name = `${Math.floor(Date.now() / 1000)}.${delivered++}_${randomBytes(4).toString('hex')}.localhost,S=${mail.length}`
    const draft = path.join(folder, 'tmp', name)
    writeFileSync(draft, mail, { mode: 0o600 })
    if (isRoot()) chownSync(draft, nobody, nobody)
    renameSync(draft, path.join(folder, 'new', name))
  }
}

/** Counts up, so that mails of one second keep their order. */
let delivered = 1_000_000

function makeMaildir(folder: string): void {
  const kinds = ['tmp', 'new', 'cur'].map(kind => path.join(folder, kind))
  for (const part of [path.dirname(folder), folder, ...kinds]) {
    if (existsSync(part)) continue
    mkdirSync(part, { mode: 0o700 })
    if (isRoot()) chownSync(part, nobody, nobody)
  }
}

function resetUidValidity(folder: string): void {
  const list = path.join(folder, 'dovecot-uidlist')
  const before = /V(\d+)/.exec(existsSync(list) ? readFileSync(list, 'utf8') : '')?.[1] ?? '1'
  for (const file of readdirSync(folder).filter(name => name.startsWith('dovecot')))
    rmSync(path.join(folder, file), { recursive: true })
  writeFileSync(list, `3 V${Number(before) + 1} N1 G${randomBytes(16).toString('hex')}\n`)
  if (isRoot()) chownSync(list, nobody, nobody)
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

async function greets(port: number): Promise<boolean> {
  return await new Promise(resolve => {
    const connection = connect(port, '127.0.0.1')
    const end = (ready: boolean): void => {
      connection.destroy()
      resolve(ready)
    }
    connection.setTimeout(2_000, () => end(false))
    connection.once('error', () => end(false))
    connection.once('close', () => end(false))
    connection.once('data', data => end(data.toString('latin1').startsWith('* OK')))
  })
}
