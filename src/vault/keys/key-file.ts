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
import { type Failure, type Told, toFailure } from '../../errors/catalogue.ts'
import { ServiceError } from '../../errors/errors.ts'
import { remedyCommand } from '../../errors/remedy.ts'
import { isShortage } from '../../errors/shortage.ts'
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
  | (Failure<KeyFileFault> & { kind: 'refused' })
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

function refused(...told: Told<KeyFileFault>): KeyFileFact {
  return { kind: 'refused', ...toFailure(...told) }
}

function toFact(file: string, error: unknown): KeyFileFact {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'absent' }
  if (code === 'ELOOP') return refused('key_file.symlink', { file })
  if (code === 'ENXIO') return refused('key_file.type', { file })
  if (code === 'EACCES') return refused('key_file.unreadable', { file, ...accessOf(file) })
  // It says nothing of the file.
  if (isShortage(code)) return refused('key_file.shortage', { file, why: code })
  return refused('key_file.unreadable', { file, why: code })
}

/** For whoever needs what could not be looked at. */
export function toShortageError(file: string, cause?: unknown): ServiceError {
  return new ServiceError('vault.locked', { file }, { temporary: true, cause })
}

/** Who may not read it: the file itself, or a directory on the way to it. */
function accessOf(file: string): { user: string; reason: 'file' | 'directory' } {
  const user = String(process.geteuid?.() ?? '?')
  try {
    lstatSync(file)
    return { user, reason: 'file' }
  } catch {
    return { user, reason: 'directory' }
  }
}

function faultOfFile(file: string, fd: number): KeyFileFact | undefined {
  const stats = fstatSync(fd)
  if (!stats.isFile()) return refused('key_file.type', { file })
  const owners = trustedOwners(path.dirname(file))
  if (!owners.has(stats.uid)) {
    return refused('key_file.owner', { file, owner: stats.uid, service: serviceUser(owners) })
  }
  const mode = stats.mode & 0o7777
  const groupReads = mode === 0o440 || mode === 0o640
  if (mode !== 0o400 && mode !== 0o600 && !(groupReads && stats.gid === serviceGroup(path.dirname(file)))) {
    // Where it is root's, 0400 alone would shut the service out.
    const owner = serviceUser(owners)
    const shown = mode.toString(8).padStart(4, '0')
    return refused('key_file.mode', { file, mode: shown, ...(stats.uid === owner ? {} : { owner }) })
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
    const fault = faultOfDirectory(file, here, stats, { owners, group })
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
      return refused('key_file.symlink', { file, link: next, owner: found.uid })
    rest.unshift(...path.resolve(here, readlinkSync(next)).split(path.sep).filter(Boolean))
    here = path.sep
  }
}

function faultOfDirectory(
  file: string,
  directory: string,
  stats: Stats,
  service: { owners: ReadonlySet<number>; group: number },
): KeyFileFact | undefined {
  if (!service.owners.has(stats.uid)) {
    return refused('key_file.directory', { file, directory, owner: stats.uid })
  }
  const sticky = (stats.mode & 0o1000) !== 0
  const ourGroup = stats.gid === service.group || stats.gid === 0
  const open = (stats.mode & 0o002) !== 0 || ((stats.mode & 0o020) !== 0 && !ourGroup)
  if (!open || sticky) return undefined
  return refused('key_file.directory', { file, directory })
}

/** At least so many different bytes: 32 random ones have fewer about once in 10^14. */
const fewestDistinct = 16

function readOpened(file: string, fd: number): KeyFileFact {
  const stats = fstatSync(fd)
  if (!stats.isFile()) return refused('key_file.type', { file })
  const bytes = Buffer.alloc(keyBytes + 1)
  const length = readSync(fd, bytes, 0, bytes.length, 0)
  if (length !== keyBytes || stats.size !== keyBytes) {
    bytes.fill(0)
    return refused('key_file.size', { file, bytes: stats.size })
  }
  const material = bytes.subarray(0, keyBytes)
  if (new Set(material).size < fewestDistinct || material.every(byte => byte >= 0x20 && byte < 0x7f)) {
    bytes.fill(0)
    return refused('key_file.placeholder', { file, ...ownerLike(file) })
  }
  const identity = [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(':')
  return { kind: 'valid', key: toKey(material), identity }
}

/** The command with which an operator makes a key by hand; made by root, it is given to the service. */
export function lineThatMakesKey(file: string): string {
  return remedyCommand({ action: 'make-key-file', ...keyFileToMake(file) })
}

/** What the remedy `make-key-file` has to know of this file. */
export function keyFileToMake(file: string): { file: string; likeDirectory?: string } {
  return { file, ...ownerLike(file) }
}

function ownerLike(file: string): { likeDirectory?: string } {
  const directory = path.dirname(file)
  const owner = statSync(directory, { throwIfNoEntry: false })?.uid ?? 0
  return process.geteuid?.() === 0 && owner !== 0 ? { likeDirectory: directory } : {}
}
