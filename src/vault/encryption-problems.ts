// PURE. What is wrong with the keys of this host or waits for somebody, each with what to do.
import {
  activeOf,
  awaitsSwap,
  type EncryptionState,
  encryptionState,
  type Facts,
  hexOf,
  stateOfRow,
} from './encryption-state.ts'

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
