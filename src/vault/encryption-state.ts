// PURE. What the key files of this host, the rows of the keys and the census of the secrets say together: the state, the next step, and
// what is wrong. No state is stored for its own sake, so none can contradict what is there. Nothing is ever generated here, and from
// `locked` no step leads on: only the right file does.
import type { KeyFileFact } from './key-file.ts'

export type EncryptionState = 'off' | 'sealing' | 'on' | 'rotating' | 'unsealing' | 'locked'

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
  rows: readonly { keyHex: string; state: 'active' | 'next' | 'retired' | 'lost'; completed: boolean }[]
  /** The id of the key that `disable` was asked for. */
  unsealing: string | undefined
  /** Key ids that envelopes name; while no key is active, only those of envelopes without a newer plaintext. */
  sealedUnder: readonly string[]
  /** No key is active, and envelopes under newer plaintexts name keys that no other envelope names. */
  superseded: boolean
  /** Some row holds a plaintext, or a blank one over an envelope. */
  anyPlaintext: boolean
  /** Live workers, this one too. */
  workers: readonly { host: string; keyIds: readonly string[] }[]
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

export interface Problem {
  code: string
  hint: string
}

/** Paths, to name them. */
export interface Files {
  current: string
  next: string
  retired(keyHex: string): string
}

/** The key under which envelopes are written now. */
export function writeKeyOf(facts: Pick<Facts, 'rows'>): string | undefined {
  return facts.rows.find(row => row.state === 'next')?.keyHex ?? activeOf(facts)?.keyHex
}

function activeOf(facts: Pick<Facts, 'rows'>) {
  return facts.rows.find(row => row.state === 'active')
}

function stateOfRow(facts: Facts, keyHex: string | undefined): string | undefined {
  return facts.rows.find(row => row.keyHex === keyHex)?.state
}

function hexOf(fact: KeyFileFact): string | undefined {
  return fact.kind === 'valid' ? fact.key.hex : undefined
}

/** The rotation is through in the database, and on this host the next file is still to take the place of the old one. */
function awaitsSwap(facts: Facts, activeHex: string): boolean {
  return hexOf(facts.next) === activeHex && stateOfRow(facts, hexOf(facts.current)) === 'retired'
}

export function encryptionState(facts: Facts): EncryptionState {
  const active = activeOf(facts)
  if (active === undefined) return facts.sealedUnder.length > 0 ? 'locked' : 'off'
  const swap = awaitsSwap(facts, active.keyHex)
  if (hexOf(facts.current) !== active.keyHex && !swap) return 'locked'
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
  const anyUnderOther = others.some(keyHex => facts.held.includes(keyHex))
  // A helpdesk that goes on writing plaintexts does not keep a rotation from its end. What no key opens does not either, but only a sweep
  // can tell which rows these are.
  if (state === 'rotating') return others.length > 0 ? 'sweep' : 'finish-rotation'
  const nextHex = hexOf(facts.next)
  const isNew = nextHex !== undefined && stateOfRow(facts, nextHex) === undefined
  if (state === 'on' && isNew && facts.settled.next && isHeldByAll(facts, nextHex)) return 'begin-rotation'
  if (facts.anyPlaintext || anyUnderOther) return 'sweep'
  return state === 'sealing' ? 'complete' : 'none'
}

/** What is wrong or waits, with what to do. `files`: the paths to name. */
export function problemsOf(facts: Facts, files: Files): Problem[] {
  const state = encryptionState(facts)
  return [
    ...(state === 'locked' ? lockedProblems(facts, files) : fileProblems(facts, files)),
    ...nextProblems(facts, state, files),
    ...(state === 'locked' ? [] : hostProblems(facts, state, files)),
    ...moveProblems(facts, state, files),
  ]
}

/** Whoever may only write to the database could ask for it as well: without the proof nothing is unsealed on this host. */
export function proofProblems(facts: Facts, proves: (keyHex: string) => boolean, proofFile: string): Problem[] {
  const keyHex = facts.unsealing
  if (keyHex === undefined || encryptionState(facts) !== 'unsealing' || proves(keyHex)) return []
  return [
    {
      code: 'unsealing.proof_missing',
      hint: `turning encryption off was asked for, and this host has no proof of it: \`echo ${keyHex} > ${proofFile}\`, or take it back with \`letterlock encryption enable\``,
    },
  ]
}

/** A moment later the daemon has done it, unless it may not write there. */
function moveProblems(facts: Facts, state: EncryptionState, files: Files): Problem[] {
  const currentHex = hexOf(facts.current)
  if (currentHex === undefined) return []
  const retired = files.retired(currentHex)
  if (awaitsSwap(facts, activeOf(facts)?.keyHex ?? '')) {
    const commands = `\`ln ${files.current} ${retired} && mv ${files.next} ${files.current}\``
    return [
      { code: 'next_key_file.not_in_place', hint: `the rotation is through; put the new key in place: ${commands}` },
    ]
  }
  if (state !== 'off' || stateOfRow(facts, currentHex) !== 'retired') return []
  return [
    {
      code: 'key_file.retired_key',
      hint: `${files.current} holds a key that is no longer in use: \`mv ${files.current} ${retired}\``,
    },
  ]
}

function lockedProblems(facts: Facts, files: Files): Problem[] {
  const active = activeOf(facts)
  if (active === undefined) {
    return [
      {
        code: 'key.unknown',
        hint: `sealed passwords are there, and no key is active (keys named: ${facts.sealedUnder.join(', ')}): restore the table encryption_keys from the backup that the passwords are of`,
      },
    ]
  }
  const wanted = `the key ${active.keyHex} is needed`
  const { current } = facts
  const backup = `put the file back from its backup at ${files.current}; if no copy is left: \`letterlock encryption recover\``
  const here = placeOfHeld(facts, active.keyHex, files)
  if (current.kind === 'valid') {
    const other = `${files.current} holds the key ${current.key.hex}, but ${wanted}`
    const mend = here === undefined ? backup : exchange(facts, here, files)
    return [{ code: 'key_file.other_key', hint: `${other}: ${mend}` }]
  }
  if (current.kind === 'absent') {
    const mend = here === undefined ? backup : `it is here, \`mv ${here} ${files.current}\``
    return [{ code: 'key_file.missing', hint: `${wanted}: ${mend}` }]
  }
  if (current.code === 'key_file.placeholder') {
    // Its own hint is to make a new key, which would not help here.
    return [{ code: current.code, hint: `${files.current} holds a text or a pattern, and ${wanted}: ${backup}` }]
  }
  return [{ code: current.code, hint: `${current.hint}; ${wanted}` }]
}

/** Under which other name a key lies on this host. */
function placeOfHeld(facts: Facts, keyHex: string, files: Files): string | undefined {
  if (hexOf(facts.next) === keyHex) return files.next
  return facts.held.includes(keyHex) ? files.retired(keyHex) : undefined
}

/** A command only where it replaces no other key. */
function exchange({ next }: Facts, here: string, { current, next: nextFile }: Files): string {
  if (next.kind !== 'absent') return `it is at ${here}: move ${current} to another name, and put it there`
  const commands = `\`mv ${current} ${nextFile} && cp -p ${here} ${current}\``
  return `it is at ${here} (was an older database restored?): ${commands}, and the other key becomes the next one`
}

function fileProblems(facts: Facts, files: Files): Problem[] {
  const { current } = facts
  if (current.kind === 'refused') return [{ code: current.code, hint: current.hint }]
  if (current.kind === 'valid' && stateOfRow(facts, current.key.hex) === 'lost') {
    return [
      {
        code: 'key_file.lost_key',
        hint: `${files.current} holds the key ${current.key.hex}, which was given up: put another there`,
      },
    ]
  }
  return []
}

function nextProblems(facts: Facts, state: EncryptionState, files: Files): Problem[] {
  const { next } = facts
  if (next.kind === 'refused') return [{ code: next.code, hint: next.hint }]
  const target = facts.rows.find(row => row.state === 'next')
  if (target !== undefined && !facts.held.includes(target.keyHex)) {
    return [
      {
        code: 'next_key_file.missing',
        hint: `the rotation to the key ${target.keyHex} is under way: put its file at ${files.next} on this host too`,
      },
    ]
  }
  if (next.kind !== 'valid' || state === 'locked') return []
  const known = stateOfRow(facts, next.key.hex)
  // It holds the only active key: nobody must be told to take it away.
  if (known === 'active' && awaitsSwap(facts, next.key.hex)) return []
  if (known !== undefined && known !== 'next') {
    const used = known === 'active' ? 'is in use now' : 'was in use before'
    return [
      {
        code: 'next_key_file.used',
        hint: `${files.next} holds the key ${next.key.hex}, which ${used}: put a new one there`,
      },
    ]
  }
  return state === 'off' || state === 'unsealing'
    ? [
        {
          code: 'next_key_file.idle',
          hint: `${files.next} does nothing while encryption is ${state}: remove it, or rename it`,
        },
      ]
    : []
}

/** A new key is waiting until every host holds it. */
function hostProblems(facts: Facts, state: EncryptionState, files: Files): Problem[] {
  const [keyHex, file] = state === 'off' ? [hexOf(facts.current), files.current] : [hexOf(facts.next), files.next]
  if (keyHex === undefined || stateOfRow(facts, keyHex) !== undefined || state === 'unsealing') return []
  const without = facts.workers.filter(({ keyIds }) => !keyIds.includes(keyHex)).map(({ host }) => host)
  if (without.length === 0) return []
  return [
    {
      code: 'key.not_held',
      hint: `the key ${keyHex} is used once every running host holds it: copy ${file} to ${[...new Set(without)].join(', ')}`,
    },
  ]
}
