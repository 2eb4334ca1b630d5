// What may be said of a rule: read, checked, and every fault told; and how conditions are shown.

import { CommandError } from '../../errors/errors.ts'
import type { Kind } from '../../model/parsed-message.ts'
import type { Conditions, Rule } from '../../model/rule.ts'
import { kinds, namesOf } from '../../thread/rules.ts'

/** As given, unchecked. */
export interface GivenRule {
  from?: string
  to?: string
  notTo?: string
  subject?: string
  header?: string
  kind?: string
  minSize?: string
  drop?: boolean
  hold?: boolean
  tag?: string
  position: string
}

export type RuleSettings = Pick<Rule, 'conditions' | 'action' | 'tag'> & { position: number }

/** Throws CommandError with all faults. */
export function toRule(name: string, given: GivenRule): RuleSettings {
  const faults: string[] = []
  if (!/^[\p{L}\p{N}][\p{L}\p{N}._-]{0,49}$/u.test(name))
    faults.push(`${JSON.stringify(name)}: a name has 1 to 50 letters, digits, dots, dashes or underscores`)
  const conditions = toGivenConditions(given, faults)
  const actions = [given.drop && 'drop', given.hold && 'hold', given.tag !== undefined && 'tag'].filter(Boolean)
  if (actions.length !== 1) faults.push('one of --drop, --hold and --tag must be given')
  if (given.tag !== undefined && !/^\P{Cc}{1,50}$/u.test(given.tag)) faults.push('--tag: must have 1 to 50 characters')
  const position = /^-?\d{1,6}$/.test(given.position) ? Number(given.position) : Number.NaN
  if (Number.isNaN(position)) faults.push(`--position ${JSON.stringify(given.position)}: must be a number, as 10`)
  if (faults.length > 0) throw refused(faults)
  return { conditions, action: actions[0] as Rule['action'], tag: given.tag ?? null, position }
}

function refused(faults: readonly string[]): CommandError {
  const [first = ''] = faults
  const message =
    faults.length === 1 ? first : `${faults.length} faults:\n${faults.map(fault => `  ${fault}`).join('\n')}`
  return new CommandError(message, '`letterlock rule add --help` shows what there is, with examples', 2)
}

const options: readonly (keyof GivenRule)[] = ['from', 'to', 'notTo', 'subject', 'header', 'kind', 'minSize']

function toGivenConditions(given: GivenRule, faults: string[]): Conditions {
  if (options.every(name => given[name] === undefined)) {
    faults.push('a condition must be given (--from, --to, --not-to, --subject, --header, --kind, --min-size)')
    return {}
  }
  const read = <T>(option: keyof GivenRule, convert: (text: string) => T | undefined, allowed: string) => {
    const text = given[option]
    if (typeof text !== 'string') return undefined
    const value = convert(text)
    const shown = option.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
    if (value === undefined) faults.push(`--${shown} ${JSON.stringify(text)}: ${allowed}`)
    return value
  }
  const conditions = {
    from: read('from', toAddressPattern, addressPattern),
    to: read('to', toAddressPattern, addressPattern),
    notTo: read('notTo', toAddressPattern, addressPattern),
    subject: read('subject', toPattern, 'must have 1 to 500 characters, none of them a control character'),
    header: read('header', toHeader, 'must be a name and a pattern, as "X-Spam-Flag: yes"'),
    kind: read('kind', toKind, `must be ${kinds.slice(0, -1).join(', ')} or ${kinds.at(-1)}`),
    minBytes: read('minSize', toBytes, 'must be a size from 1 to 1G, as 200000, 500K or 10M'),
  }
  return Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== undefined))
}

const addressPattern = 'would fit no address; write *@example.com for a domain, *word* for a word'

function toPattern(text: string): string | undefined {
  return /^\P{Cc}{1,500}$/u.test(text) ? text : undefined
}

function toAddressPattern(text: string): string | undefined {
  return /[@*]/.test(text) && !/\s/.test(text) ? toPattern(text) : undefined
}

function toHeader(text: string): Conditions['header'] {
  const [, name, value] = /^([!-9;-~]{1,100})\s*:\s*(\P{Cc}{1,500}?)\s*$/u.exec(text) ?? []
  return name === undefined || value === undefined ? undefined : { name, value }
}

function toKind(text: string): Kind | undefined {
  return kinds.find(kind => kind === text)
}

const units: Readonly<Record<string, number>> = { '': 1, K: 1_024, M: 1_048_576, G: 1_073_741_824 }

function toBytes(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d{1,10})\s*([KMG]?)B?$/i.exec(text) ?? []
  const bytes = Number(number) * (units[unit.toUpperCase()] ?? 1)
  return bytes >= 1 && bytes <= (units.G ?? 0) ? bytes : undefined
}

/** One condition in words. */
export function shownCondition(name: keyof Conditions, conditions: Conditions): string {
  const { header } = conditions
  if (name === 'header') return `header ${header?.name}: ${header?.value}`
  if (name === 'minBytes') return `size at least ${conditions.minBytes}`
  return `${name === 'notTo' ? 'not to' : name} ${conditions[name]}`
}

export function shownConditions(conditions: Conditions): string {
  return namesOf(conditions)
    .map(name => shownCondition(name, conditions))
    .join(', ')
}
