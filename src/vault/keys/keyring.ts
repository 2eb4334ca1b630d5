// What keys this host holds at the moment: the key file, the one that follows it, and the retired ones beside them. A look reads all of
// them; nothing is remembered from one look to the next, so a key that was taken away is gone with the next look.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Config } from '../../config/config.ts'
import { findCredential } from '../../config/systemd-credentials.ts'
import { isShortage } from '../../errors/shortage.ts'
import type { Key } from '../secrets/envelope.ts'
import { type KeyFileFact, type KeyFileOrigin, readKeyFile } from './key-file.ts'
import { nextName, retiredName } from './place-key-file.ts'

/** Where the keys are. `credential`: systemd gave them; they are read-only and the same until a restart. */
export interface KeyPaths {
  file: string
  origin: KeyFileOrigin
  /** Where the proof for `encryption disable` lies. */
  dataDirectory: string
  /** The daemon itself looks: what it does not see is not there, whatever its row said a moment ago. */
  isService?: true
}

export interface Keyring {
  readonly keyPaths: KeyPaths
  readonly current: KeyFileFact
  readonly next: KeyFileFact
  /** False where something could not be looked at for want of file descriptors or memory: what is not seen may be there. */
  readonly isWhole: boolean
  /** Ids of all keys that open something, in hex. */
  readonly ids: readonly string[]
  find(keyHex: string): Key | undefined
  /** Whoever wants this key to be given up has proven that he may write to this host's files. */
  proves(keyHex: string): boolean
}

/** The place of the keys as configured. */
export function keysOf(config: Pick<Config, 'data' | 'encryption'>): KeyPaths {
  return keyPathsOf(config.encryption.keyFile, process.env, config.data.directory)
}

/** The place as configured, or what systemd gave under $CREDENTIALS_DIRECTORY. */
export function keyPathsOf(
  keyFile: string,
  env: NodeJS.ProcessEnv,
  dataDirectory: string = path.dirname(keyFile),
): KeyPaths {
  const given = findCredential('encryption-key.bin', env.CREDENTIALS_DIRECTORY ?? '')
  return given === undefined
    ? { file: keyFile, origin: 'file', dataDirectory }
    : { file: given, origin: 'credential', dataDirectory }
}

/** In the data directory: that whoever asks to turn encryption off may write there. */
export const proofName = 'can-disable-encryption.txt'

/** Its path. */
export function proofFileOf({ dataDirectory }: KeyPaths): string {
  return path.join(dataDirectory, proofName)
}

const longestProof = 256

/** The proof that lies in the data directory: what it says, and since when. */
export interface Proof {
  text: string
  at: Date
}

/** Undefined where there is none that can be read. */
export function readProof(keyPaths: KeyPaths): Proof | undefined {
  const file = proofFileOf(keyPaths)
  try {
    const stats = statSync(file)
    if (!stats.isFile() || stats.size > longestProof) return undefined
    return { text: readFileSync(file, 'utf8').trim(), at: stats.mtime }
  } catch {
    return undefined
  }
}

/** Where which key lies. */
export function filesOf({ file }: KeyPaths): { current: string; next: string; retired(keyHex: string): string } {
  return { current: file, next: nextName(file), retired: keyHex => retiredName(file, keyHex) }
}

/** One look at all key files. Never throws. */
export function readKeyring(keyPaths: KeyPaths): Keyring {
  // In the order in which a rotation moves them, so that a look in between misses none.
  const next = readKeyFile(nextName(keyPaths.file), keyPaths.origin)
  const current = readKeyFile(keyPaths.file, keyPaths.origin)
  const retired = retiredFiles(keyPaths.file)
  const facts = [current, next, ...(retired ?? []).map(file => readKeyFile(file, keyPaths.origin))]
  const keys = new Map(facts.flatMap(fact => (fact.kind === 'valid' ? [[fact.key.hex, fact.key] as const] : [])))
  return {
    keyPaths,
    current,
    next,
    isWhole: retired !== undefined && !facts.some(fact => fact.kind === 'refused' && fact.code === 'key_file.shortage'),
    ids: [...keys.keys()],
    find: keyHex => keys.get(keyHex),
    proves: keyHex => readProof(keyPaths)?.text === keyHex,
  }
}

/** Undefined where the directory could not be looked at for now. */
function retiredFiles(file: string): string[] | undefined {
  const { dir, name, ext } = path.parse(file)
  try {
    return readdirSync(dir)
      .filter(entry => entry.startsWith(`${name}.retired-`) && entry.endsWith(ext))
      .map(entry => path.join(dir, entry))
  } catch (error) {
    return isShortage((error as NodeJS.ErrnoException).code) ? undefined : []
  }
}
