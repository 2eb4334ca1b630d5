// Key files are put in their places: a new one is written beside its place, synced, and put there with `link`, which never replaces
// another; one that is no longer in use gets another name. An existing key is not overwritten by anything here.
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { keyBytes } from '../secrets/envelope.ts'
import { readKeyFile } from './key-file.ts'

/**
 * Makes a new key at a place where there is none. Made by root (a command), it belongs to whom the directory belongs to, the service.
 * Throws the system's error, EEXIST if there is a file by now.
 */
export function createKeyFile(file: string): void {
  const beside = `${file}.${randomBytes(6).toString('hex')}.new`
  const fd = openSync(beside, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW, 0o400)
  try {
    try {
      fchmodSync(fd, 0o400)
      // Made by root's command, it is the service's to read.
      if (process.geteuid?.() === 0) {
        const { uid, gid } = statSync(path.dirname(file))
        fchownSync(fd, uid, gid)
      }
      const material = randomBytes(keyBytes)
      const written = writeSync(fd, material)
      material.fill(0)
      if (written !== keyBytes) throw new Error('the disk took only a part of the key')
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    linkSync(beside, file)
  } finally {
    unlinkSync(beside)
  }
  syncDirectory(path.dirname(file))
}

/** `encryption-key.retired-<id>.bin` beside `encryption-key.bin`. */
export function retiredName(file: string, keyHex: string): string {
  return besideKey(file, `retired-${keyHex}`)
}

/** `encryption-key.next.bin` beside `encryption-key.bin`. */
export function nextName(file: string): string {
  return besideKey(file, 'next')
}

function besideKey(file: string, word: string): string {
  const { dir, name, ext } = path.parse(file)
  return path.join(dir, `${name}.${word}${ext}`)
}

/**
 * Gives the key's file its retired name and, after a rotation, puts the next key in its place. The retired key is never lost: it has
 * both names before the old one goes. Can be run again after a crash at any point. Throws, and moves nothing, where another key lies under
 * either name.
 */
export function retireKeyFile(file: string, keyHex: string, next?: string): void {
  const retired = retiredName(file, keyHex)
  if (!isKey(file, keyHex)) {
    // A run before this one came to its end. Whatever lies there by now is another key, and stays.
    if (isKey(retired, keyHex) && (next === undefined || !existsSync(next))) return
    throw new Error(`${file} does not hold the key ${keyHex}`)
  }
  try {
    linkSync(file, retired)
  } catch (error) {
    // A run before this one got so far.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  if (!isKey(retired, keyHex)) throw new Error(`${retired} does not hold the key ${keyHex}`)
  syncDirectory(path.dirname(file))
  if (next === undefined) unlinkSync(file)
  else renameSync(next, file)
  syncDirectory(path.dirname(file))
}

function isKey(file: string, keyHex: string): boolean {
  const fact = readKeyFile(file)
  return fact.kind === 'valid' && fact.key.hex === keyHex
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
