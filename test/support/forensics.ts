// Looks for secrets in files as somebody who stole the disk would: any number of them at once, in every form in which a
// program may have written them. And a MariaDB that writes down as much as it can: binary log, general log and slow log.
// Blind to what is compressed or encrypted: a test that searches such files proves nothing, so none may be switched on.
import { execFile } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Knex } from 'knex'
import { createConnection } from 'mysql2/promise'
import { startServer } from '../../src/embedded/child.ts'
import { findPrograms } from '../../src/embedded/programs.ts'
import type { Residue } from '../../src/vault/residue/residue.ts'
import { scrubCommand } from '../../src/vault/residue/residue-statements.ts'
import { html } from '../../src/web/layout/html.ts'

export interface Encoding {
  name: string
  bytes: Buffer
}

/** The forms of a secret, each once; base64 is found wherever in a longer text the secret stood, as in SASL PLAIN. */
export function encodingsOf(secret: string | Buffer): Encoding[] {
  const raw = Buffer.from(secret as string)
  const hex = raw.toString('hex')
  const forms: [name: string, bytes: Buffer | string][] = [
    ['raw', raw],
    ...[0, 1, 2].flatMap(offset => base64At(raw, offset)),
    ['hex', hex],
    ['hex upper case', hex.toUpperCase()],
    ...(typeof secret === 'string' ? textFormsOf(secret) : []),
  ]
  const seen = new Set<string>()
  return forms
    .map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes as string) }))
    .filter(({ bytes }) => {
      const key = bytes.toString('latin1')
      return !seen.has(key) && seen.add(key)
    })
}

function nameOf(secret: string | Buffer): string {
  return typeof secret === 'string' ? secret : secret.toString('hex')
}

function textFormsOf(secret: string): [name: string, bytes: Buffer | string][] {
  return [
    ['utf-16le', Buffer.from(secret, 'utf16le')],
    ['html', String(html`${secret}`)],
    ['json', JSON.stringify(secret).slice(1, -1)],
    ['sql', secret.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('"', '\\"')],
    ['sql, doubled quotes', secret.replaceAll("'", "''")],
    ['url', encodeURIComponent(secret)],
    ['url, form', new URLSearchParams([['', secret]]).toString().slice(1)],
  ]
}

/** The characters of the base64 that depend on nothing but the secret, when `offset` bytes (modulo 3) stand before it. */
function base64At(raw: Buffer, offset: number): [string, string][] {
  const text = Buffer.concat([Buffer.alloc(offset), raw])
    .toString('base64')
    .replaceAll('=', '')
  const whole = Math.floor(((offset + raw.length) * 8) / 6)
  const first = Math.ceil((offset * 8) / 6)
  const certain = text.slice(first, whole)
  return [
    [`base64 at ${offset}`, certain],
    [`base64 at ${offset}, html`, String(html`${certain}`)],
    [`base64url at ${offset}`, certain.replaceAll('+', '-').replaceAll('/', '_')],
  ]
}

export interface Finding {
  /** As it was given, bytes in hex. */
  secret: string
  encoding: string
  /** Relative to the directory that was searched; '' for a buffer. */
  file: string
  offset: number
}

/** Every place in the files below a directory, or in a buffer, where one of the secrets stands. */
export function findSecrets(where: string | Buffer, secrets: readonly (string | Buffer)[]): Finding[] {
  const search = new Search(secrets)
  if (typeof where !== 'string') return search.run('', [where])
  const files = statSync(where).isDirectory() ? filesBelow(where) : ['']
  return files.flatMap(file => search.run(file, chunksOf(path.join(where, file))))
}

/** How often anything was found in which file. */
export function countByFile(findings: readonly Finding[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { file } of findings) counts[file] = (counts[file] ?? 0) + 1
  return counts
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => path.relative(directory, path.join(entry.parentPath, entry.name)))
    .sort()
}

const chunkBytes = 4 * 1024 * 1024

function* chunksOf(file: string): Iterable<Buffer> {
  const handle = openSync(file, 'r')
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes)
      const length = readSync(handle, chunk)
      if (length === 0) return
      yield chunk.subarray(0, length)
    }
  } finally {
    closeSync(handle)
  }
}

interface Pattern extends Encoding {
  secret: string
}

const blockBytes = 3
const tableSize = 1 << 20
const shortest = 8

/** Wu and Manber's search: nearly every step skips as many bytes as the shortest pattern is long. */
class Search {
  readonly #patterns: Pattern[]
  readonly #window: number
  readonly #longest: number
  readonly #shift: Uint8Array
  /** Patterns by the last block of their first `window` bytes. */
  readonly #candidates = new Map<number, Pattern[]>()

  constructor(secrets: readonly (string | Buffer)[]) {
    this.#patterns = secrets.flatMap(secret =>
      encodingsOf(secret).map(encoding => ({ ...encoding, secret: nameOf(secret) })),
    )
    const lengths = this.#patterns.map(({ bytes }) => bytes.length)
    this.#window = lengths.reduce((least, length) => Math.min(least, length), 255)
    this.#longest = lengths.reduce((most, length) => Math.max(most, length), 0)
    if (this.#window < shortest) throw new Error(`secrets of under ${shortest} bytes would be found everywhere`)
    this.#shift = new Uint8Array(tableSize).fill(this.#window - blockBytes + 1)
    for (const pattern of this.#patterns) this.#learn(pattern)
  }

  #learn(pattern: Pattern): void {
    for (let end = blockBytes - 1; end < this.#window; end++) {
      const block = blockAt(pattern.bytes, end)
      this.#shift[block] = Math.min(this.#shift[block] ?? 0, this.#window - 1 - end)
      if (end === this.#window - 1) this.#candidates.set(block, [...(this.#candidates.get(block) ?? []), pattern])
    }
  }

  run(file: string, chunks: Iterable<Buffer>): Finding[] {
    const findings: Finding[] = []
    let base = 0
    let rest: Buffer = Buffer.alloc(0)
    let next = 0
    for (const chunk of chunks) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      // A start so near the end that the longest pattern may go on in the next chunk waits for it.
      const stop = Math.max(bytes.length - this.#longest + 1, 0)
      next = this.#scan(bytes, { from: next, stop, base, file, findings })
      const kept = Math.min(next, stop)
      rest = bytes.subarray(kept)
      base += kept
      next -= kept
    }
    this.#scan(rest, { from: next, stop: rest.length, base, file, findings })
    return findings
  }

  /** Looks at all starts from `from` to before `stop`; returns the first start that was not looked at. */
  #scan(bytes: Buffer, range: { from: number; stop: number; base: number; file: string; findings: Finding[] }): number {
    const last = Math.min(range.stop - 1, bytes.length - this.#window)
    let start = range.from
    while (start <= last) {
      const block = blockAt(bytes, start + this.#window - 1)
      const shift = this.#shift[block] ?? 1
      if (shift === 0) this.#compare(bytes, start, block, range)
      start += Math.max(shift, 1)
    }
    return start
  }

  #compare(
    bytes: Buffer,
    start: number,
    block: number,
    { base, file, findings }: { base: number; file: string; findings: Finding[] },
  ): void {
    for (const { bytes: wanted, secret, name } of this.#candidates.get(block) ?? []) {
      if (start + wanted.length > bytes.length) continue
      if (bytes.compare(wanted, 0, wanted.length, start, start + wanted.length) === 0)
        findings.push({ secret, encoding: name, file, offset: base + start })
    }
  }
}

function blockAt(bytes: Buffer, end: number): number {
  const [a = 0, b = 0, c = 0] = [bytes[end - 2], bytes[end - 1], bytes[end]]
  return ((a << 12) ^ (b << 6) ^ c) & (tableSize - 1)
}

/** Does what the residues say, from the first to the last, as an administrator would who reads them off the screen. */
export async function followAdvice(
  residues: readonly Residue[],
  { admin, scrub }: { admin: Knex; scrub(): Promise<unknown> },
): Promise<void> {
  for (const statement of new Set(residues.flatMap(({ statements }) => statements))) {
    const [command = '', comment = ''] = statement.split(/(?<=;) -- /)
    if (command === scrubCommand) await scrub()
    else if (command.startsWith('shred ')) await promisify(execFile)('sh', ['-c', command])
    else if (command.endsWith(';')) await executeUntil(admin, command, comment)
  }
}

async function executeUntil(admin: Knex, command: string, comment: string): Promise<void> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const [rows] = await admin.raw(command)
    const [files] = comment.includes('SHOW BINARY LOGS') ? await admin.raw('SHOW BINARY LOGS') : [[]]
    const isDone = comment.includes('"empty"') ? rows[0].STATE === 'empty' : files.length < 2
    if (isDone) return
    if (Date.now() > deadline) throw new Error(`never done: ${command}`)
    await wait(50)
  }
}

export interface LoggingMariadbOptions {
  /** What row events show of a row; the server's default is FULL. */
  rowImage?: 'FULL' | 'MINIMAL' | 'NOBLOB'
  /** Rights of the service account on all databases besides those on its own, as `BINLOG ADMIN`. */
  grants?: readonly string[]
  /** Further options of the server; they win over the ones given here. */
  args?: readonly string[]
  /** Binary log, general log and slow log (of every statement); default: true. */
  logging?: boolean
}

export interface LoggingMariadb extends AsyncDisposable {
  /** Everything the server wrote, logs too. */
  dataDirectory: string
  socket: string
  /** An account with all rights. */
  adminUrl: string
  /** An account with SELECT, INSERT, UPDATE, DELETE, CREATE, DROP and ALTER on the database, and the grants asked for. */
  serviceUrl: string
  /** Ends the server as an administrator would; the files stay until it is disposed. */
  stop(): Promise<void>
}

const signal = new AbortController().signal
const progress = (): void => {}

/** A MariaDB of its own with an empty database `letterlock`; stopped and removed when it is disposed. */
export async function startLoggingMariadb(options: LoggingMariadbOptions = {}): Promise<LoggingMariadb> {
  const programs = await findPrograms(['mariadbd', 'mariadb-install-db', 'setpriv'], { progress, signal })
  const directory = mkdtempSync(path.join(tmpdir(), 'letterlock-forensics-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const [dataDirectory, temporary, socket] = ['data', 'tmp', 's'].map(name => path.join(directory, name)) as [
    string,
    string,
    string,
  ]
  mkdirSync(temporary)
  const ours = process.getuid?.() === 0 ? ['--user=root'] : []
  await promisify(execFile)(
    programs['mariadb-install-db'],
    [
      '--no-defaults',
      ...ours,
      '--force',
      '--skip-test-db',
      '--auth-root-authentication-method=normal',
      `--datadir=${dataDirectory}`,
      // The number of undo tablespaces, for example, is settled when the data directory is made.
      ...(options.args ?? []).filter(arg => arg.startsWith('--innodb-')),
    ],
    { env: { ...process.env, TMPDIR: temporary } },
  )
  const server = await startServer({
    name: 'MariaDB',
    setpriv: programs.setpriv,
    command: programs.mariadbd,
    args: [
      '--no-defaults',
      ...ours,
      `--datadir=${dataDirectory}`,
      `--tmpdir=${temporary}`,
      `--socket=${socket}`,
      `--pid-file=${path.join(directory, 'pid')}`,
      '--skip-networking',
      '--innodb-log-file-size=16M',
      '--innodb-buffer-pool-size=64M',
      '--server-id=1',
      ...(options.logging === false ? [] : logging),
      ...(options.rowImage === undefined ? [] : [`--binlog-row-image=${options.rowImage}`]),
      ...(options.args ?? []),
    ],
    logFile: path.join(directory, 'server.log'),
    note: () => {},
    isReady: () => greets(socket),
    progress,
    signal,
  })
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= Promise.resolve(server[Symbol.asyncDispose]())
    return stopped
  }
  stack.defer(stop)
  await createAccounts(socket, options.grants ?? [])
  const opened = stack.move()
  const urlOf = (user: string): string => `mysql://${user}@localhost/letterlock?socket=${socket}`
  return {
    dataDirectory,
    socket,
    adminUrl: urlOf('root'),
    serviceUrl: urlOf('service'),
    stop,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const logging = [
  '--log-bin=binlog',
  '--binlog-format=ROW',
  '--general-log=1',
  '--general-log-file=general.log',
  '--slow-query-log=1',
  '--slow-query-log-file=slow.log',
  '--long-query-time=0',
]

async function createAccounts(socketPath: string, grants: readonly string[]): Promise<void> {
  const connection = await createConnection({ socketPath, user: 'root', disableEval: true })
  try {
    await connection.query('CREATE DATABASE letterlock CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci')
    await connection.query("CREATE USER 'service'@'localhost'")
    await connection.query(
      "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER ON letterlock.* TO 'service'@'localhost'",
    )
    for (const grant of grants) await connection.query(`GRANT ${grant} ON *.* TO 'service'@'localhost'`)
  } finally {
    await connection.end()
  }
}

async function greets(socket: string): Promise<boolean> {
  return await new Promise(resolve => {
    const connection = connect(socket)
    const end = (ready: boolean): void => {
      connection.destroy()
      resolve(ready)
    }
    connection.once('error', () => end(false))
    connection.once('data', () => end(true))
    connection.once('close', () => end(false))
  })
}
