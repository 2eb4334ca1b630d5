// A private Dovecot for the demo and for tests: TLS, STARTTLS and cleartext on free loopback ports, its own CA, mail in Maildirs
// into which we deliver ourselves. It never runs as root: Dovecot refuses mail of user 0, so root starts it as nobody.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createCertificates } from './certificates.ts'
import { endTraces, readState, startServer, type Trace, traceOf, writeState } from './child.ts'
import { findPrograms } from './programs.ts'

export interface DovecotUser {
  name: string
  password: string
}

export interface DovecotOptions {
  /** Where mail and configuration lie; as root it must be reachable by everybody. */
  directory: string
  users: readonly DovecotUser[]
  progress(line: string): void
  signal: AbortSignal
  /** Serves a certificate whose time is over. */
  expired?: boolean
  /** Further lines of dovecot.conf. */
  settings?: string
}

export interface Dovecot extends AsyncDisposable {
  host: string
  ports: { tls: number; starttls: number; cleartext: number }
  /** The CA that its certificate comes from. */
  caPem: string
  /** Puts mails into a mailbox, which is made if there is none. `mailbox` in UTF-8 with `/` between levels. */
  deliver(user: string, mailbox: string, mails: readonly Buffer[]): void
  /** Gives the mailbox another UIDVALIDITY and all its mails new UIDs. */
  resetUidValidity(user: string, mailbox: string): void
  /** Mails in the mailbox, read from the file system: names of files. */
  files(user: string, mailbox: string): string[]
}

const nobody = 65_534

/** Starts it and waits until it takes connections. */
export async function startDovecot(options: DovecotOptions): Promise<Dovecot> {
  const { directory, progress, signal } = options
  const programs = await findPrograms(['dovecot', 'openssl', 'setpriv'], { progress, signal })
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const stateFile = path.join(directory, 'running.json')
  await endTraces(readState<{ servers: Trace[] }>(stateFile)?.servers ?? [])
  await using stack = new AsyncDisposableStack()
  const run = mkdtempSync(path.join(tmpdir().length <= 60 ? tmpdir() : '/tmp', 'letterlock-imap-'))
  stack.defer(() => rmSync(run, { recursive: true, force: true }))
  const certificates = await createCertificates({
    openssl: programs.openssl,
    directory,
    ...(options.expired ? { expired: true } : {}),
  })
  const [tls, starttls, cleartext] = await freePorts(3)
  const ports = { tls: tls as number, starttls: starttls as number, cleartext: cleartext as number }
  writeFileSync(
    path.join(directory, 'users'),
    options.users.map(user => `${user.name}:{PLAIN.b64}${Buffer.from(user.password).toString('base64')}\n`).join(''),
    {
      mode: 0o600,
    },
  )
  const config = path.join(directory, 'dovecot.conf')
  writeFileSync(config, configuration(directory, run, certificates, ports) + (options.settings ?? ''), { mode: 0o600 })
  giveAway(directory)
  giveAway(run)
  const server = await startServer({
    name: 'Dovecot',
    setpriv: programs.setpriv,
    command: programs.setpriv,
    args: [...asNobody(), programs.dovecot, '-F', '-c', config],
    logFile: path.join(directory, 'dovecot.out'),
    isReady: () => greets(ports.cleartext),
    signal,
  })
  stack.use(server)
  writeState(stateFile, { servers: [traceOf(server.pid)] })
  const opened = stack.move()
  const folderOf = (user: string, mailbox: string) => maildirOf(directory, user, mailbox)
  return {
    host: '127.0.0.1',
    ports,
    caPem: certificates.caPem,
    deliver: (user, mailbox, mails) => deliver(directory, folderOf(user, mailbox), mails),
    resetUidValidity: (user, mailbox) => resetUidValidity(folderOf(user, mailbox)),
    files: (user, mailbox) =>
      ['cur', 'new'].flatMap(kind =>
        readdirSync(path.join(folderOf(user, mailbox), kind)).map(file => `${kind}/${file}`),
      ),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function configuration(
  directory: string,
  run: string,
  certificates: { certFile: string; keyFile: string },
  ports: Dovecot['ports'],
): string {
  const { uid, gid, user, group } = identity()
  return `
base_dir = ${run}
state_dir = ${run}
log_path = ${path.join(directory, 'dovecot.log')}
protocols = imap
listen = 127.0.0.1
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
ssl = yes
ssl_cert = <${certificates.certFile}
ssl_key = <${certificates.keyFile}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_fsync = never
mail_max_userip_connections = 1000
mail_location = maildir:${path.join(directory, 'mail')}/%u
first_valid_uid = ${uid}
first_valid_gid = ${gid}
maildir_very_dirty_syncs = no
namespace inbox {
  inbox = yes
  separator = /
}
passdb {
  driver = passwd-file
  args = ${path.join(directory, 'users')}
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${path.join(directory, 'home')}/%u
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
    port = ${ports.tls}
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
`
}

function identity(): { uid: number; gid: number; user: string; group: string } {
  const uid = process.getuid?.() === 0 ? nobody : (process.getuid?.() ?? nobody)
  const gid = process.getuid?.() === 0 ? nobody : (process.getgid?.() ?? nobody)
  return { uid, gid, user: nameOf('/etc/passwd', uid), group: nameOf('/etc/group', gid) }
}

/** Dovecot wants names. */
function nameOf(file: string, id: number): string {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find(entry => entry.split(':')[2] === String(id))
  return line?.split(':')[0] ?? String(id)
}

function asNobody(): string[] {
  const { uid, gid } = identity()
  return process.getuid?.() === 0
    ? [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--pdeathsig', 'TERM']
    : ['--pdeathsig', 'TERM']
}

/** As root: hands the tree to the user under whom Dovecot runs. */
function giveAway(folder: string): void {
  if (process.getuid?.() !== 0) return
  chownSync(folder, nobody, nobody)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const inside = path.join(folder, entry.name)
    if (entry.isDirectory()) giveAway(inside)
    else chownSync(inside, nobody, nobody)
  }
}

function maildirOf(directory: string, user: string, mailbox: string): string {
  const root = path.join(directory, 'mail', user)
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
function deliver(directory: string, folder: string, mails: readonly Buffer[]): void {
  makeMaildir(directory, folder)
  for (const mail of mails) {
    const name = `${Math.floor(Date.now() / 1000)}.${delivered++}_${randomBytes(4).toString('hex')}.localhost,S=${mail.length}`
    writeFileSync(path.join(folder, 'tmp', name), mail)
    if (process.getuid?.() === 0) chownSync(path.join(folder, 'tmp', name), nobody, nobody)
    renameSync(path.join(folder, 'tmp', name), path.join(folder, 'new', name))
  }
}

/** Counts up, so that mails of one second keep their order. */
let delivered = 1_000_000

function makeMaildir(directory: string, folder: string): void {
  if (existsSync(path.join(folder, 'new'))) return
  for (const kind of ['tmp', 'new', 'cur']) mkdirSync(path.join(folder, kind), { recursive: true, mode: 0o700 })
  giveAway(path.join(directory, 'mail'))
}

function resetUidValidity(folder: string): void {
  const list = path.join(folder, 'dovecot-uidlist')
  const before = /V(\d+)/.exec(existsSync(list) ? readFileSync(list, 'utf8') : '')?.[1] ?? '1'
  for (const file of readdirSync(folder).filter(name => name.startsWith('dovecot')))
    rmSync(path.join(folder, file), { recursive: true })
  writeFileSync(list, `3 V${Number(before) + 1} N1 G${randomBytes(16).toString('hex')}\n`)
  if (process.getuid?.() === 0) chownSync(list, nobody, nobody)
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  for (const server of servers) server.close()
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
