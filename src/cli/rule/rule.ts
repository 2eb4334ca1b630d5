// `letterlock rule …`: what an admin decides of mails before they become tickets.

import { readFileSync } from 'node:fs'
import { CommandError } from '../../errors/errors.ts'
import type { Conditions } from '../../model/rule.ts'
import {
  addRule as add,
  disableRule,
  enableRule,
  listRules as list,
  type RuleAnswer,
  removeRule,
  testRules as tryRules,
} from '../../operations/admin-rules.ts'
import { getRule, type StoredRule } from '../../store/ingest/stored-rules.ts'
import { namesOf } from '../../thread/rules.ts'
import { commandActor } from '../actor.ts'
import { askFor, type Given, toNumber } from '../ask.ts'
import { type GlobalOptions, withDeps } from '../connect.ts'
import { confirm, print, printJson, printTable } from '../terminal.ts'

/** Options of `add`, as given. */
export interface AddOptions extends GlobalOptions {
  from?: string
  to?: string
  notTo?: string
  subject?: string
  header?: string
  kind?: string
  sender?: string
  minSize?: string
  drop?: boolean
  hold?: boolean
  tag?: string
  account?: string
  position: string
}

const addNames = {
  name: 'the name',
  ...Object.fromEntries(
    ['from', 'to', 'subject', 'header', 'kind', 'sender', 'tag', 'account', 'position'].map(name => [
      name,
      `--${name}`,
    ]),
  ),
  ...{ notTo: '--not-to', minSize: '--min-size' },
  action: 'one of --drop, --hold and --tag',
  conditions: 'a condition (--from, --to, --not-to, --subject, --header, --kind, --sender, --min-size)',
}

export async function addRule(name: string, options: AddOptions): Promise<void> {
  const { from, to, notTo, subject, header, kind, sender, minSize, tag, account, position } = options
  const conditions = { from, to, notTo, subject, header, kind, sender, minSize }
  const added = await askFor(add, options, {
    input: { name, ...conditions, action: actionGiven(options), tag, account, position: toNumber(position) },
    names: addNames,
    typed: { position },
    hint: '`letterlock rule add --help` shows what there is, with examples',
  })
  await print(`rule ${name} added: ${actionOf(added)} mail with ${shownConditions(added.conditions)}`)
  await print('try it on a mail with: letterlock rule test FILE.eml')
}

/** Undefined unless exactly one is given. */
function actionGiven({ drop, hold, tag }: AddOptions): StoredRule['action'] | undefined {
  const given = [drop && 'drop', hold && 'hold', tag !== undefined && 'tag'].filter(
    action => typeof action === 'string',
  )
  return given.length === 1 ? (given[0] as StoredRule['action']) : undefined
}

function actionOf({ action, tag }: Pick<StoredRule, 'action' | 'tag'>): string {
  return action === 'tag' ? `tags as ${tag}` : `${action}s`
}

const senseless = 'its conditions make no sense: it holds for nothing'

export async function listRules(options: GlobalOptions & { json?: boolean }): Promise<void> {
  const rules = await askFor(list, options, { input: {}, names: {} })
  if (options.json)
    return await printJson(
      rules.map(({ createdAt, ...rule }) => ({
        ...rule,
        fault: rule.conditions === null ? senseless : null,
        createdAt,
      })),
    )
  if (rules.length === 0) return await print('no rules')
  await printTable(
    ['POSITION', 'NAME', 'STATE', 'ACCOUNT', 'ACTION', 'CONDITIONS'],
    rules.map(({ name, account, position, enabled, conditions, ...rule }) => [
      String(position),
      name,
      conditions === null ? 'broken' : enabled ? 'enabled' : 'disabled',
      account ?? 'every',
      rule.action === 'tag' ? `tag ${rule.tag}` : rule.action,
      conditions === null ? senseless : shownConditions(conditions),
    ]),
    (cell, column) => (column === 2 ? ({ broken: 'red', disabled: 'dim' } as const)[cell] : undefined),
  )
}

const oneRule = (rule: string): Given => ({ input: { rule }, names: { rule: 'the rule' } })

export async function setRuleEnabled(name: string, enabled: boolean, options: GlobalOptions): Promise<void> {
  const { changed } = await askFor(enabled ? enableRule : disableRule, options, oneRule(name))
  await print(`rule ${name} is ${enabled ? 'enabled' : 'disabled'}${changed ? '' : ' already'}`)
}

export async function deleteRule(name: string, options: GlobalOptions & { yes?: boolean }): Promise<void> {
  await withDeps(options, async deps => {
    await getRule(deps.db, name)
    await confirm(`Remove rule ${name}? What it decided stays as it is.`, options)
    await removeRule.run(deps, commandActor(), { rule: name })
    await print(`rule ${name} removed`)
  })
}

/** Asks the rules in their order, as the daemon would. */
export async function testRules(
  file: string,
  options: GlobalOptions & { account?: string; json?: boolean },
): Promise<void> {
  const { answers, decided } = await askFor(tryRules, options, {
    input: { mail: readBytes(file), account: options.account },
    names: { mail: 'the file', account: '--account' },
  })
  if (options.json) return await printJson(answers.map(toJson))
  for (const answer of answers) await printAnswer(answer)
  await printVerdict(answers, decided)
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : 'cannot be read'
    throw new CommandError(
      `the file ${file} ${why}`,
      'give a raw mail, as `letterlock ticket show ID --raw` writes it',
      2,
    )
  }
}

/** `checks` in words. */
function shownChecks({ conditions, checks }: RuleAnswer): { condition: string; found: string; holds: boolean }[] {
  return checks.map(({ condition, found, holds }) => ({
    condition: shownCondition(condition, conditions ?? {}),
    found: shownFound(condition, found),
    holds,
  }))
}

const maxShown = 10

function shownFound(condition: keyof Conditions, found: readonly string[]): string {
  if (condition === 'minBytes') return `${found} bytes`
  const shown = [...found.slice(0, maxShown), ...(found.length > maxShown ? ['…'] : [])].join(', ')
  return shown || (condition === 'from' ? 'nobody' : 'nothing')
}

function toJson(answer: RuleAnswer): object {
  const { rule, action, tag, holds } = answer
  return { rule, action, tag, holds, conditions: shownChecks(answer) }
}

async function printAnswer(answer: RuleAnswer): Promise<void> {
  await print(`${answer.rule}: ${answer.holds ? 'holds' : 'does not hold'}`)
  if (answer.conditions === null) await print(`  no   ${senseless}`)
  for (const { condition, found, holds } of shownChecks(answer))
    await print(`  ${holds ? 'yes' : 'no '}  ${condition}; found: ${found}`)
}

async function printVerdict(answers: readonly RuleAnswer[], isDecided: boolean): Promise<void> {
  const last = answers.at(-1)
  const tags = answers.filter(answer => answer.holds && answer.tag !== null).map(answer => answer.tag)
  if (isDecided && last !== undefined) {
    const end = last.action === 'drop' ? 'ignored' : 'quarantined'
    return await print(`the mail would end as ${end}, reason rule:${last.rule}`)
  }
  const tagged = tags.length === 0 ? '' : `, with ${tags.length === 1 ? 'the tag' : 'the tags'} ${tags.join(', ')}`
  await print(`the mail would go on to its ticket${tagged}`)
}

/** One condition in words. */
function shownCondition(name: keyof Conditions, conditions: Conditions): string {
  const { header } = conditions
  if (name === 'header') return `header ${header?.name}: ${header?.value}`
  if (name === 'minBytes') return `size at least ${conditions.minBytes}`
  return `${name === 'notTo' ? 'not to' : name} ${conditions[name]}`
}

function shownConditions(conditions: Conditions): string {
  return namesOf(conditions)
    .map(name => shownCondition(name, conditions))
    .join(', ')
}
