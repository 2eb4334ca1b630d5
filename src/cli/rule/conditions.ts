// PURE. How the conditions of a rule are shown.
import type { Conditions } from '../../model/rule.ts'
import { namesOf } from '../../thread/rules.ts'

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
