// PURE. What the key files of this host, the rows of the keys and the census of the secrets say together: the state and the next step;
// what is wrong is in encryption-problems.ts. No state is stored for its own sake, so none can contradict what is there. Nothing is ever
// generated here, and from `locked` no step leads on: only the right file does.
import type { EncryptionState } from '../../model/encryption.ts'
import type { KeyFileFact } from '../keys/key-file.ts'
import type { Forgery } from '../keys/key-state.ts'
import type { Proof } from '../keys/keyring.ts'

/** In a few words. */
export const meanings: Readonly<Record<EncryptionState, string>> = {
  off: 'passwords are in plaintext',
  sealing: 'passwords are being sealed',
  on: 'every password is sealed',
  rotating: 'passwords are being resealed under the next key',
  unsealing: 'passwords are being put back in plaintext',
  locked: 'sealed passwords cannot be opened here',
}

export interface Facts {
  /** `encryption-key.bin` and `encryption-key.next.bin`. */
  current: KeyFileFact
  next: KeyFileFact
  /** The file was the same for long enough to be taken for whole. */
  settled: { current: boolean; next: boolean }
  /** Ids of all keys that this host holds, retired ones too. */
  held: readonly string[]
  /** The keys as this host believes them. */
  rows: readonly { keyHex: string; state: 'active' | 'next' | 'retired' | 'lost'; completed: boolean }[]
  /** What the database says of keys and this host does not believe. */
  forgeries?: readonly Forgery[]
  /** A rotation to this key is said to be under way, and it is not here. */
  foreignNext?: string | undefined
  /** The id of the key that `disable` was asked for. */
  unsealing: string | undefined
  /** It was asked for on this host. */
  isAskedHere?: boolean
  /** What lies in the data directory as the proof. */
  proof?: Proof | undefined
  /** Key ids that envelopes name; while no key is active, only those of envelopes without a newer plaintext. */
  sealedUnder: readonly string[]
  /** No key is active, and envelopes under newer plaintexts name keys that no other envelope names. */
  superseded: boolean
  /** Some row holds a plaintext, or a blank one over an envelope. */
  anyPlaintext: boolean
  /** Live workers, this one too. */
  workers: readonly { host: string; keyIds: readonly string[] }[]
  /** This host's name. */
  here?: string
  /** This is a command, whose user does not see the key that the daemon of this host holds. */
  isNotVisible?: boolean
  /** The user id of this command, where `isNotVisible`. */
  user?: string
}

/** What a worker does about it. `sweep`: seal what is plaintext, and what is under another key that is held. */
export type Step =
  | 'none'
  | 'adopt'
  | 'sweep'
  | 'complete'
  | 'begin-rotation'
  | 'finish-rotation'
  | 'swap-files'
  | 'unseal'
  | 'finish-unsealing'
  | 'retire-file'
  | 'drop-superseded'

/** The key under which envelopes are written now. */
export function writeKeyOf(facts: Pick<Facts, 'rows'>): string | undefined {
  return facts.rows.find(row => row.state === 'next')?.keyHex ?? activeOf(facts)?.keyHex
}

export function activeOf(facts: Pick<Facts, 'rows'>) {
  return facts.rows.find(row => row.state === 'active')
}

export function stateOfRow(facts: Facts, keyHex: string | undefined): string | undefined {
  return facts.rows.find(row => row.keyHex === keyHex)?.state
}

export function hexOf(fact: KeyFileFact): string | undefined {
  return fact.kind === 'valid' ? fact.key.hex : undefined
}

/** The rotation is through in the database, and on this host the next file is still to take the place of the old one. */
export function awaitsSwap(facts: Facts, activeHex: string): boolean {
  return hexOf(facts.next) === activeHex && stateOfRow(facts, hexOf(facts.current)) === 'retired'
}

export function encryptionState(facts: Facts): EncryptionState {
  const active = activeOf(facts)
  if (active === undefined) return facts.sealedUnder.length > 0 ? 'locked' : 'off'
  const swap = awaitsSwap(facts, active.keyHex)
  if (hexOf(facts.current) !== active.keyHex && !swap && !facts.isNotVisible) return 'locked'
  if (facts.unsealing === active.keyHex) return 'unsealing'
  if (swap || facts.rows.some(row => row.state === 'next')) return 'rotating'
  return active.completed ? 'on' : 'sealing'
}

/** True where every live worker says that it holds the key. */
function isHeldByAll(facts: Facts, keyHex: string | undefined): boolean {
  return (
    keyHex !== undefined && facts.workers.length > 0 && facts.workers.every(({ keyIds }) => keyIds.includes(keyHex))
  )
}

export function nextStep(facts: Facts): Step {
  const state = encryptionState(facts)
  const currentHex = hexOf(facts.current)
  if (state === 'locked') return 'none'
  // Sealing under this host's own key goes on; everything else waits until a person has looked.
  if ((facts.forgeries ?? []).length > 0) return mustSweep(facts) ? 'sweep' : 'none'
  if (state === 'off') {
    // What was retired here or on another host while this one was away.
    if (stateOfRow(facts, currentHex) === 'retired') return 'retire-file'
    const fresh = stateOfRow(facts, currentHex) === undefined
    if (fresh && facts.settled.current && isHeldByAll(facts, currentHex)) return 'adopt'
    // Saved by a form that was opened before encryption went off; nobody needs the old envelope, and no key is needed to drop it.
    return facts.superseded ? 'drop-superseded' : 'none'
  }
  const active = activeOf(facts)?.keyHex ?? ''
  if (awaitsSwap(facts, active)) return 'swap-files'
  if (state === 'unsealing') return facts.sealedUnder.length > 0 ? 'unseal' : 'finish-unsealing'
  const target = writeKeyOf(facts) ?? active
  if (!facts.held.includes(target)) return 'none'
  const others = facts.sealedUnder.filter(keyHex => keyHex !== target)
  // A helpdesk that goes on writing plaintexts does not keep a rotation from its end. What no key opens does not either, but only a sweep
  // can tell which rows these are.
  if (state === 'rotating') return others.length > 0 ? 'sweep' : 'finish-rotation'
  const nextHex = hexOf(facts.next)
  const isNew = nextHex !== undefined && stateOfRow(facts, nextHex) === undefined
  if (state === 'on' && isNew && facts.settled.next && isHeldByAll(facts, nextHex)) return 'begin-rotation'
  if (mustSweep(facts)) return 'sweep'
  return state === 'sealing' ? 'complete' : 'none'
}

/** Something is in plaintext, or under another key that is held, and is to be sealed under the one in use. */
function mustSweep(facts: Facts): boolean {
  const target = writeKeyOf(facts)
  if (target === undefined || !facts.held.includes(target)) return false
  return facts.anyPlaintext || facts.sealedUnder.some(keyHex => keyHex !== target && facts.held.includes(keyHex))
}
