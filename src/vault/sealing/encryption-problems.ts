// PURE. What is wrong with the keys of this host or waits for somebody, each with what to do.

import type { EncryptionState, Problem } from '../../model/encryption.ts'
import type { Forgery } from '../keys/key-state.ts'
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
  const why = facts.current.kind === 'absent' ? `there is no ${current} for it` : `it may not read ${current}`
  return {
    code: notVisibleCode,
    hint: `the daemon on this host holds the key ${activeOf(facts)?.keyHex}; it is not visible to this user (${process.geteuid?.() ?? '?'}): ${why}. Run the command as root or as the service user; where systemd gives the key to the service, with \`letterlock-admin\` instead of \`letterlock\``,
  }
}

/** The code of whatever the database says of keys and this host does not believe. */
export const forgedCode = 'encryption.state_forged'

/** What was made up or rolled back in the database: it changes nothing, and a person is to look. */
export function forgeryProblems({ forgeries = [] }: Facts): Problem[] {
  return forgeries.map(forgery => ({ code: forgedCode, hint: hintsOfForgery[forgery.kind](forgery) }))
}

const confirm = '`letterlock encryption confirm-state` shows what it does and asks'
const findOut = 'Find out who writes to the database'

const hintsOfForgery: Record<Forgery['kind'], (forgery: Forgery) => string> = {
  altered: ({ keyHex, says, holds }) =>
    `the database says that the key ${keyHex} is ${says}, and no host of yours has signed that${holds === null ? '' : `: here it stays ${holds}`}. ${findOut}; to put the line right: ${confirm}`,
  older: ({ keyHex, says, holds }) =>
    `the database says that the key ${keyHex} is ${says}, as it once was; this host has seen it ${holds} later, and that holds. Was an older backup of the database restored? Then confirm it: ${confirm}. If not: ${findOut}`,
  missing: ({ keyHex, holds }) =>
    `the database knows nothing of the key ${keyHex}, which is ${holds} on this host, and stays so. Was an older backup of the database restored? Then confirm it: ${confirm}. If not: ${findOut}`,
  unproven: ({ keyHex, says }) =>
    `the database says that the key ${keyHex} is ${says}, while its file lies in its place on this host; that line is from a version that signed nothing, so nothing is moved or written in plaintext. If you turned encryption off or gave the key up: \`letterlock encryption confirm-state --database\`. If not: ${findOut}; to put the line right: ${confirm}`,
  'other-key': ({ keyHex, says }) =>
    `the database says that the key ${keyHex} is ${says}, and it is neither the key file of this host nor its next one: nothing is sealed under it. ${findOut}; to put the line right: ${confirm}`,
  unsealing: () =>
    `somebody asked in the database for encryption to be turned off (settings, encryption_unsealing), and nobody did with \`letterlock encryption disable\` on a host: passwords go on being sealed. Take it back with \`letterlock encryption enable\`. ${findOut}`,
}

/** The proof that turning off was asked for on this host: missing where it was, or lying about where it was not. */
export function proofProblems(facts: Facts, proofFile: string): Problem[] {
  const { unsealing: keyHex, isAskedHere, proof } = facts
  const isUnsealing = keyHex !== undefined && encryptionState(facts) === 'unsealing'
  if (isUnsealing && isAskedHere && proof?.text === keyHex) return []
  const takeBack = 'take it back with `letterlock encryption enable`'
  const left = {
    code: 'proof_file.left',
    hint: `${proofFile} lies there, and nobody has asked on this host for encryption to be turned off: it is good for one \`letterlock encryption disable\` within ${proofMinutes} minutes of being written. Unless you are about to: \`rm ${proofFile}\``,
  }
  if (!isUnsealing) return proof === undefined ? [] : [left]
  const hint = isAskedHere
    ? `turning encryption off was asked for on this host, and its proof is gone: ${takeBack}, or write it again, \`echo ${keyHex} > ${proofFile}\``
    : `turning encryption off was asked for on another host, which does it: ${takeBack}; if that host is gone, run \`letterlock encryption disable\` here`
  return [{ code: 'unsealing.proof_missing', hint }]
}

/** For so long after it was written a proof is taken. */
export const proofMinutes = 15

/** A moment later the daemon has done it, unless it may not write there. */
function moveProblems(facts: Facts, state: EncryptionState, files: Files): Problem[] {
  const currentHex = hexOf(facts.current)
  if (currentHex === undefined) return []
  const retired = files.retired(currentHex)
  if (awaitsSwap(facts, activeOf(facts)?.keyHex ?? '')) {
    const commands = `\`ln ${files.current} ${retired} && mv ${files.next} ${files.current}\``
    return [
      {
        code: 'next_key_file.not_in_place',
        hint: `the rotation is through, and the daemon puts the new key in place within seconds; if this stays, it may not write there: ${commands}`,
      },
    ]
  }
  if (state !== 'off' || stateOfRow(facts, currentHex) !== 'retired') return []
  return [
    {
      code: 'key_file.retired_key',
      hint: `${files.current} holds a key that is no longer in use, and the daemon renames it within seconds; if this stays, it may not write there: \`mv ${files.current} ${retired}\``,
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
  const backup = `put the file back from its backup at ${files.current}; where systemd gives it to the service, look with \`letterlock-admin encryption status\` first; only if no copy is left: \`letterlock encryption recover\``
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
  const target = facts.rows.find(row => row.state === 'next')?.keyHex ?? facts.foreignNext
  if (target !== undefined && !facts.held.includes(target)) {
    return [
      {
        code: 'next_key_file.missing',
        hint: `the rotation to the key ${target} is under way: put its file at ${files.next} on this host too`,
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
  const lacking = facts.workers.filter(({ keyIds }) => !keyIds.includes(keyHex)).map(({ host }) => host)
  const others = [...new Set(lacking)].filter(host => host !== facts.here)
  const used = `the key ${keyHex} is used once every running host holds it`
  if (others.length > 0) return [{ code: 'key.not_held', hint: `${used}: copy ${file} to ${others.join(', ')}` }]
  if (lacking.length === 0) return []
  const look = `the daemon on this host has not taken ${file} yet`
  return [
    {
      code: 'key.not_held',
      hint: `${used}, and ${look}: it looks within 5 seconds; then see that the service user may read it`,
    },
  ]
}
