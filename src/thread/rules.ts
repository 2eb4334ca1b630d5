// PURE. Rules of an admin: what is to be dropped, held or tagged before threading, each decision under the rule's name. Patterns know `*`
// and nothing else, so that no pattern can be slow; they look at the whole of a value, whatever its case.

import type { Address, Kind, MessageFacts } from '../model/parsed-message.ts'
import type { Conditions, Rule } from '../model/rule.ts'
import type { SenderVerdict } from '../model/sender-verdict.ts'

export const kinds: readonly Kind[] = [
  'human',
  'auto-generated',
  'auto-reply',
  'bounce',
  'feedback-report',
  'list',
  'loop',
]

export const verdicts: readonly SenderVerdict['verdict'][] = ['pass', 'fail', 'none', 'unknown']

export interface RuleSubject {
  message: MessageFacts
  sender: SenderVerdict
  size: number
  /** All values of a header field. */
  header(name: string): readonly string[]
}

export interface RuleVerdict {
  /** The first rule that drops or holds. */
  decided: { action: 'drop' | 'hold'; name: string } | null
  tags: string[]
}

/** Rules in their order; tags are collected until one decides. */
export function applyRules(rules: readonly Rule[], subject: RuleSubject): RuleVerdict {
  const tags = new Set<string>()
  for (const rule of rules) {
    if (!holds(rule.conditions, subject)) continue
    if (rule.action !== 'tag') return { decided: { action: rule.action, name: rule.name }, tags: [...tags] }
    if (rule.tag !== null) tags.add(rule.tag)
  }
  return { decided: null, tags: [...tags] }
}

/**
 * Conditions as they are stored (JSON), or undefined where they make no sense: others may write them, too. What is not known here is not
 * passed over, because a rule with a condition less would hold for more mail.
 */
export function toConditions(json: string): Conditions | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const entries = Object.entries(value)
  const makeSense = entries.every(([name, condition]) => isKnown(name) && checks[name](condition))
  return makeSense && entries.length > 0 ? (value as Conditions) : undefined
}

const isText = (value: unknown): boolean => typeof value === 'string'

const checks: Readonly<Record<keyof Conditions, (value: unknown) => boolean>> = {
  from: isText,
  to: isText,
  notTo: isText,
  subject: isText,
  header: value => {
    const { name, value: text } = (value ?? {}) as Record<string, unknown>
    return isText(name) && isText(text)
  },
  kind: value => kinds.some(kind => kind === value),
  sender: value => verdicts.some(verdict => verdict === value),
  minBytes: value => typeof value === 'number',
}

function isKnown(name: string): name is keyof Conditions {
  return Object.hasOwn(checks, name)
}

/** True if all conditions hold. A rule without any holds for nothing: it would drop all mail. */
export function holds(conditions: Conditions, subject: RuleSubject): boolean {
  const names = namesOf(conditions)
  return names.length > 0 && names.every(name => holdsOne(name, conditions, subject))
}

/** The conditions of a rule, in the order in which they were written. */
export function namesOf(conditions: Conditions): (keyof Conditions)[] {
  return Object.keys(conditions).filter(isKnown)
}

/** True if the condition with this name holds, or is not set. */
export function holdsOne(
  name: keyof Conditions,
  conditions: Conditions,
  { message, sender, size, header }: RuleSubject,
): boolean {
  const { from, to, notTo, subject, header: field, kind, sender: verdict, minBytes } = conditions
  const recipients = [...message.to, ...message.cc]
  switch (name) {
    case 'from':
      return from === undefined || matches(from, message.from?.address ?? '')
    case 'to':
      return to === undefined || anyMatches(to, recipients)
    case 'notTo':
      return notTo === undefined || !anyMatches(notTo, recipients)
    case 'subject':
      return subject === undefined || matches(subject, message.subject)
    case 'header':
      return field === undefined || header(field.name).some(value => matches(field.value, value))
    case 'kind':
      return kind === undefined || message.kind === kind
    case 'sender':
      return verdict === undefined || sender.verdict === verdict
    case 'minBytes':
      return minBytes === undefined || size >= minBytes
  }
}

function anyMatches(pattern: string, people: readonly Address[]): boolean {
  return people.some(({ address }) => matches(pattern, address))
}

const longestValue = 10_000

/** True if the whole value fits the pattern, in which `*` stands for anything. Time is linear in the value for each `*`. */
export function matches(pattern: string, value: string): boolean {
  const parts = pattern.toLowerCase().split('*')
  const text = value.slice(0, longestValue).toLowerCase()
  const [first = '', ...rest] = parts
  const last = rest.pop()
  if (last === undefined) return text === first
  if (!text.startsWith(first) || !text.slice(first.length).endsWith(last)) return false
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > text.length - last.length) return false
    at = found + part.length
  }
  return true
}
