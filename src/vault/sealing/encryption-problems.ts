// PURE. What is wrong with the keys of this host or waits for somebody, each with what to do.

import { toFailure } from '../../errors/catalogue.ts'
import type { EncryptionState, Problem } from '../../model/encryption.ts'
import { activeOf, awaitsSwap, encryptionState, type Facts, hexOf, stateOfRow } from './encryption-state.ts'

/** Paths, to name them. */
export interface Files {
  current: string
  next: string
  retired(keyHex: string): string
}

/** What is wrong or waits, with what to do. `files`: the paths to name. */
export function problemsOf(facts: Facts, files: Files): Problem[] {
  const state = encryptionState(facts)
  if (facts.isNotVisible) return [notVisible(facts, files)]
  return [
    ...(state === 'locked' ? lockedProblems(facts, files) : fileProblems(facts, files)),
    ...nextProblems(facts, state, files),
    ...(state === 'locked' ? [] : hostProblems(facts, state, files)),
    ...moveProblems(facts, state, files),
  ]
}

/** The code of a key that the service holds and a command does not see: it is not lost. */
export const notVisibleCode = 'key_file.not_visible'

function notVisible(facts: Facts, { current }: Files): Problem {
  return toFailure(notVisibleCode, {
    file: current,
    keyId: activeOf(facts)?.keyHex ?? '?',
    user: facts.user ?? '?',
    isAbsent: facts.current.kind === 'absent',
  })
}

/** The code of whatever the database says of keys and this host does not believe. */
export const forgedCode = 'encryption.state_forged'

/** What was made up or rolled back in the database: it changes nothing, and a person is to look. */
export function forgeryProblems({ forgeries = [] }: Facts): Problem[] {
  return forgeries.map(({ kind, keyHex, says, holds }) =>
    toFailure(forgedCode, {
      reason: kind,
      keyId: keyHex,
      ...(says === null ? {} : { says }),
      ...(holds === null ? {} : { holds }),
    }),
  )
}

/** The proof that turning off was asked for on this host: missing where it was, or lying about where it was not. */
export function proofProblems(facts: Facts, proofFile: string): Problem[] {
  const { unsealing: keyHex, isAskedHere, proof } = facts
  const isUnsealing = keyHex !== undefined && encryptionState(facts) === 'unsealing'
  if (isUnsealing && isAskedHere && proof?.text === keyHex) return []
  const left = toFailure('proof_file.left', { file: proofFile, minutes: proofMinutes })
  if (!isUnsealing) return proof === undefined ? [] : [left]
  return [toFailure('unsealing.proof_missing', { file: proofFile, keyId: keyHex, isAskedHere: isAskedHere === true })]
}

/** For so long after it was written a proof is taken. */
export const proofMinutes = 15

/** A moment later the daemon has done it, unless it may not write there. */
function moveProblems(facts: Facts, state: EncryptionState, files: Files): Problem[] {
  const currentHex = hexOf(facts.current)
  if (currentHex === undefined) return []
  const retired = files.retired(currentHex)
  if (awaitsSwap(facts, activeOf(facts)?.keyHex ?? '')) {
    const { current: file, next } = files
    return [toFailure('next_key_file.not_in_place', { file, retired, next })]
  }
  if (state !== 'off' || stateOfRow(facts, currentHex) !== 'retired') return []
  return [toFailure('key_file.retired_key', { file: files.current, retired })]
}

function lockedProblems(facts: Facts, files: Files): Problem[] {
  const active = activeOf(facts)
  if (active === undefined) return [toFailure('key.unknown', { keyIds: facts.sealedUnder })]
  const { current } = facts
  const found = placeOfHeld(facts, active.keyHex, files)
  const needed = { file: files.current, wanted: active.keyHex, ...(found === undefined ? {} : { here: found }) }
  if (current.kind === 'absent') return [toFailure('key_file.missing', needed)]
  if (current.kind === 'refused') return [{ code: current.code, params: { ...current.params, wanted: active.keyHex } }]
  // Exchanged only where that replaces no other key.
  const next = facts.next.kind === 'absent' ? { next: files.next } : {}
  return [toFailure('key_file.other_key', { ...needed, ...next, keyId: current.key.hex })]
}

/** Under which other name a key lies on this host. */
function placeOfHeld(facts: Facts, keyHex: string, files: Files): string | undefined {
  if (hexOf(facts.next) === keyHex) return files.next
  return facts.held.includes(keyHex) ? files.retired(keyHex) : undefined
}

function fileProblems(facts: Facts, files: Files): Problem[] {
  const { current } = facts
  if (current.kind === 'refused') return [{ code: current.code, params: current.params }]
  if (current.kind === 'valid' && stateOfRow(facts, current.key.hex) === 'lost')
    return [toFailure('key_file.lost_key', { file: files.current, keyId: current.key.hex })]
  return []
}

function nextProblems(facts: Facts, state: EncryptionState, files: Files): Problem[] {
  const { next } = facts
  const file = files.next
  if (next.kind === 'refused') return [{ code: next.code, params: next.params }]
  const target = facts.rows.find(row => row.state === 'next')?.keyHex ?? facts.foreignNext
  if (target !== undefined && !facts.held.includes(target))
    return [toFailure('next_key_file.missing', { file, keyId: target })]
  if (next.kind !== 'valid' || state === 'locked') return []
  const known = stateOfRow(facts, next.key.hex)
  // It holds the only active key: nobody must be told to take it away.
  if (known === 'active' && awaitsSwap(facts, next.key.hex)) return []
  if (known !== undefined && known !== 'next')
    return [toFailure('next_key_file.used', { file, keyId: next.key.hex, isActive: known === 'active' })]
  return state === 'off' || state === 'unsealing' ? [toFailure('next_key_file.idle', { file, state })] : []
}

/** A new key is waiting until every host holds it. */
function hostProblems(facts: Facts, state: EncryptionState, files: Files): Problem[] {
  const [keyHex, file] = state === 'off' ? [hexOf(facts.current), files.current] : [hexOf(facts.next), files.next]
  if (keyHex === undefined || stateOfRow(facts, keyHex) !== undefined || state === 'unsealing') return []
  const lacking = facts.workers.filter(({ keyIds }) => !keyIds.includes(keyHex)).map(({ host }) => host)
  const others = [...new Set(lacking)].filter(host => host !== facts.here)
  if (others.length > 0) return [toFailure('key.not_held', { keyId: keyHex, file, hosts: others })]
  return lacking.length === 0 ? [] : [toFailure('key.not_held', { keyId: keyHex, file })]
}
