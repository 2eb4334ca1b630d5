// The key file: 32 random bytes that nobody but the service reads. It is opened once and the opened file is checked, never the path; what
// is not exactly right is refused with the reason and never mended. How one is made and moved is in place-key-file.ts.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import path from 'node:path'
import { ServiceError } from '../../errors/errors.ts'
import { type Key, keyBytes, toKey } from '../secrets/envelope.ts'

export type KeyFileFault =
  | 'key_file.directory'
  | 'key_file.mode'
  | 'key_file.owner'
  | 'key_file.placeholder'
  | 'key_file.shortage'
  | 'key_file.size'
  | 'key_file.symlink'
  | 'key_file.type'
  | 'key_file.unreadable'

/** What a look at the file found. `identity` is another one as soon as the file is another one, or is written again. */
export type KeyFileFact =
  | { kind: 'absent' }
  | { kind: 'refused'; code: KeyFileFault; hint: string }
  | { kind: 'valid'; key: Key; identity: string }

/** `credential`: given by systemd, which vouches for owner, mode and place. */
export type KeyFileOrigin = 'file' | 'credential'

/** Reads and checks the file. Never throws, never waits (not even for a FIFO). */
export function readKeyFile(file: string, origin: KeyFileOrigin = 'file'): KeyFileFact {
  let fd: number
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    return toFact(file, error)
  }
  try {
    return origin === 'credential' ? readOpened(file, fd) : (faultOfFile(file, fd) ?? readOpened(file, fd))
  } catch (error) {
    return toFact(file, error)
  } finally {
    closeSync(fd)
  }
}

function refused(code: KeyFileFault, hint: string): KeyFileFact {
  return { kind: 'refused', code, hint }
}

function toFact(file: string, error: unknown): KeyFileFact {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'absent' }
  if (code === 'ELOOP') return refused('key_file.symlink', `${file} is a symbolic link: put the key itself there`)
  if (code === 'ENXIO') return refused('key_file.type', `${file} is no regular file: put a file of 32 bytes there`)
  if (code === 'EACCES') return refused('key_file.unreadable', hintOfAccess(file))
  if (isShortage(error)) return refused('key_file.shortage', hintOfShortage(file, code))
  return refused('key_file.unreadable', `${file} cannot be read (${code}): check the disk and the directory`)
}

/** What says nothing of the file: this process or the system has too many files open, or no memory. */
export function isShortage(error: unknown): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM'].includes((error as NodeJS.ErrnoException).code ?? '')
}

const shortageRemedy = 'raise the limit of open files (LimitNOFILE in the unit), or end what uses them up'

function hintOfShortage(file: string, code: string): string {
  return `${file} cannot be read at the moment (${code}), the file itself is not at fault: ${shortageRemedy}`
}

/** For whoever needs what could not be looked at. */
export function toShortageError(file: string, cause?: unknown): ServiceError {
  return new ServiceError('vault.locked', `${file} cannot be read at the moment`, {
    temporary: true,
    hint: shortageRemedy,
    cause,
  })
}

function hintOfAccess(file: string): string {
  const user = process.geteuid?.() ?? '?'
  try {
    lstatSync(file)
  } catch {
    return `user ${user} may not enter all directories on the way to ${file}: \`namei -l ${file}\` shows which`
  }
  return `user ${user} may not read ${file}: \`chown ${user} ${file} && chmod 400 ${file}\``
}

function faultOfFile(file: string, fd: number): KeyFileFact | undefined {
  const stats = fstatSync(fd)
  if (!stats.isFile()) return refused('key_file.type', `${file} is no regular file: put a file of 32 bytes there`)
  const owners = trustedOwners(path.dirname(file))
  if (!owners.has(stats.uid)) {
    return refused('key_file.owner', `${file} belongs to user ${stats.uid}: \`chown ${serviceUser(owners)} ${file}\``)
  }
  const mode = stats.mode & 0o7777
  const groupReads = mode === 0o440 || mode === 0o640
  if (mode !== 0o400 && mode !== 0o600 && !(groupReads && stats.gid === serviceGroup(path.dirname(file)))) {
    // Where it is root's, 0400 alone would shut the service out.
    const chown = stats.uid === serviceUser(owners) ? '' : `chown ${serviceUser(owners)} ${file} && `
    return refused(
      'key_file.mode',
      `${file} has mode ${mode.toString(8).padStart(4, '0')} instead of 0400 or 0600: \`${chown}chmod 400 ${file}\``,
    )
  }
  return faultOfWay(path.resolve(file))
}

/** The service's user and root. Run by root (a command), the user that the directory belongs to is the service's. */
function trustedOwners(directory: string): ReadonlySet<number> {
  const own = process.geteuid?.() ?? 0
  return new Set([0, own === 0 ? statSync(directory).uid : own])
}

/** The one of `trustedOwners` that is not root, unless the service runs as root. */
function serviceUser(owners: ReadonlySet<number>): number {
  return Math.max(...owners)
}

function serviceGroup(directory: string): number {
  return process.geteuid?.() === 0 ? statSync(directory).gid : (process.getegid?.() ?? 0)
}

const maxLinks = 40

/**
 * Walks from the root to the file: in no directory on the way, and through no symbolic link, may others put another file in its place.
 * A sticky directory (/tmp) keeps others from replacing what is not theirs.
 */
function faultOfWay(file: string): KeyFileFact | undefined {
  const owners = trustedOwners(path.dirname(file))
  const group = serviceGroup(path.dirname(file))
  const rest = path.dirname(file).split(path.sep).filter(Boolean)
  let here: string = path.sep
  for (let links = 0; ; ) {
    const stats = lstatSync(here)
    const fault = faultOfDirectory(here, stats, { owners, group })
    if (fault !== undefined) return fault
    const name = rest.shift()
    if (name === undefined) return undefined
    const next = path.join(here, name)
    const found = lstatSync(next)
    if (!found.isSymbolicLink()) {
      here = next
      continue
    }
    links += 1
    if (links > maxLinks || !owners.has(found.uid))
      return refused(
        'key_file.symlink',
        `${next} on the way to the key is a symbolic link of user ${found.uid}: replace it by the directory`,
      )
    rest.unshift(...path.resolve(here, readlinkSync(next)).split(path.sep).filter(Boolean))
    here = path.sep
  }
}

function faultOfDirectory(
  directory: string,
  stats: Stats,
  service: { owners: ReadonlySet<number>; group: number },
): KeyFileFact | undefined {
  if (!service.owners.has(stats.uid)) {
    return refused(
      'key_file.directory',
      `the directory ${directory} on the way to the key belongs to user ${stats.uid}: \`chown root ${directory}\``,
    )
  }
  const sticky = (stats.mode & 0o1000) !== 0
  const ourGroup = stats.gid === service.group || stats.gid === 0
  const open = (stats.mode & 0o002) !== 0 || ((stats.mode & 0o020) !== 0 && !ourGroup)
  if (!open || sticky) return undefined
  return refused(
    'key_file.directory',
    `others may write to the directory ${directory} on the way to the key: \`chmod go-w ${directory}\``,
  )
}

/** At least so many different bytes: 32 random ones have fewer about once in 10^14. */
const fewestDistinct = 16

function readOpened(file: string, fd: number): KeyFileFact {
  const stats = fstatSync(fd)
  if (!stats.isFile()) return refused('key_file.type', `${file} is no regular file: put a file of 32 bytes there`)
  const bytes = Buffer.alloc(keyBytes + 1)
  const length = readSync(fd, bytes, 0, bytes.length, 0)
  if (length !== keyBytes || stats.size !== keyBytes) {
    bytes.fill(0)
    return refused('key_file.size', `${file} has ${stats.size} bytes instead of 32: put the right file there`)
  }
  const material = bytes.subarray(0, keyBytes)
  if (new Set(material).size < fewestDistinct || material.every(byte => byte >= 0x20 && byte < 0x7f)) {
    bytes.fill(0)
    return refused(
      'key_file.placeholder',
      `${file} is no random key but a text or a pattern: make one with \`${lineThatMakesKey(file)}\``,
    )
  }
  const identity = [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(':')
  return { kind: 'valid', key: toKey(material), identity }
}

/** The command with which an operator makes a key by hand; made by root, it is given to the service. */
export function lineThatMakesKey(file: string): string {
  const make = `(umask 077; head -c 32 /dev/urandom > ${file})`
  const directory = path.dirname(file)
  const owner = statSync(directory, { throwIfNoEntry: false })?.uid ?? 0
  return process.geteuid?.() === 0 && owner !== 0 ? `${make} && chown --reference=${directory} ${file}` : make
}
