// `letterlock rule …`: what an admin decides of mails before they become tickets.

import { readFileSync } from 'node:fs'
import type { Knex } from 'knex'
import { CommandError } from '../../errors/errors.ts'
import type { Conditions } from '../../model/rule.ts'
import { getAccount } from '../../store/accounts/accounts.ts'
import { inTransaction } from '../../store/db/database.ts'
import {
  findAllRules,
  getRule,
  insertRule,
  removeRule,
  type StoredRule,
  updateRuleEnabled,
} from '../../store/ingest/stored-rules.ts'
import { insertAudit } from '../../store/people/audit.ts'
import { holds, holdsOne, namesOf, type RuleSubject, toConditions } from '../../thread/rules.ts'
import { actor } from '../actor.ts'
import { type GlobalOptions, withDatabase } from '../connect.ts'
import { confirm, print, printJson, printTable } from '../terminal.ts'
import { type GivenRule, shownCondition, shownConditions, toRule } from './settings.ts'

export async function addRule(name: string, options: GlobalOptions & GivenRule & { account?: string }): Promise<void> {
  const settings = toRule(name, options)
  await withDatabase(options, async db => {
    const accountId = options.account === undefined ? null : (await getAccount(db, options.account)).id
    await inTransaction(db, async trx => {
      if (!(await insertRule(trx, { name, accountId, ...settings })))
        throw new CommandError(`there is a rule ${name} already`, `remove it first: letterlock rule remove ${name}`)
      await audit(trx, 'rule.add', name, accountId)
    })
    await print(`rule ${name} added: ${actionOf(settings)} mail with ${shownConditions(settings.conditions)}`)
    await print('try it on a mail with: letterlock rule test FILE.eml')
  })
}

async function audit(db: Knex, action: string, rule: string, accountId: number | null): Promise<void> {
  await insertAudit(db, { actor: actor(), action, detail: { rule }, ...(accountId === null ? {} : { accountId }) })
}

function actionOf({ action, tag }: Pick<StoredRule, 'action' | 'tag'>): string {
  return action === 'tag' ? `tags as ${tag}` : `${action}s`
}

const senseless = 'its conditions make no sense: it holds for nothing'

export async function listRules(options: GlobalOptions & { json?: boolean }): Promise<void> {
  await withDatabase(options, async db => {
    const rules = (await findAllRules(db)).map(({ conditionsJson, createdAt, ...rule }) => {
      const conditions = toConditions(conditionsJson)
      return { ...rule, conditions: conditions ?? null, fault: conditions === undefined ? senseless : null, createdAt }
    })
    if (options.json) return await printJson(rules)
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
  })
}

export async function setRuleEnabled(name: string, enabled: boolean, options: GlobalOptions): Promise<void> {
  const state = enabled ? 'enabled' : 'disabled'
  await withDatabase(options, async db => {
    const rule = await getRule(db, name)
    if (rule.enabled === enabled) return await print(`rule ${name} is ${state} already`)
    await inTransaction(db, async trx => {
      await updateRuleEnabled(trx, rule.id, enabled)
      await audit(trx, enabled ? 'rule.enable' : 'rule.disable', name, rule.accountId)
    })
    await print(`rule ${name} is ${state}`)
  })
}

export async function deleteRule(name: string, options: GlobalOptions & { yes?: boolean }): Promise<void> {
  await withDatabase(options, async db => {
    const rule = await getRule(db, name)
    await confirm(`Remove rule ${name}? What it decided stays as it is.`, options)
    await inTransaction(db, async trx => {
      await removeRule(trx, rule.id)
      await audit(trx, 'rule.remove', name, rule.accountId)
    })
    await print(`rule ${name} removed`)
  })
}

/** Asks the rules in their order, as the daemon would. */
export async function testRules(
  file: string,
  options: GlobalOptions & { account?: string; json?: boolean },
): Promise<void> {
  const subject = await readMail(file)
  await withDatabase(options, async db => {
    const account = options.account === undefined ? null : (await getAccount(db, options.account)).address
    const asked = (await findAllRules(db)).filter(
      rule => rule.enabled && (rule.account === null || rule.account === account),
    )
    const answers = asked.map(rule => answerOf(rule, subject))
    const decides = answers.findIndex(answer => answer.holds && answer.action !== 'tag')
    const reached = decides < 0 ? answers : answers.slice(0, decides + 1)
    if (options.json) return await printJson(reached)
    for (const answer of reached) await printAnswer(answer)
    await printVerdict(reached, decides >= 0)
  })
}

async function readMail(file: string): Promise<RuleSubject> {
  const { parseMessage } = await import('../../parse/parse-message.ts')
  const { createHeaderReader } = await import('../../poll/ingest/ingest-batch.ts')
  const source = readBytes(file)
  const header = createHeaderReader()
  return { message: await parseMessage(source), size: source.length, header: name => header(source, name) }
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

interface Answer {
  rule: string
  action: StoredRule['action']
  tag: string | null
  holds: boolean
  conditions: { condition: string; found: string; holds: boolean }[]
}

function answerOf({ name, action, tag, conditionsJson }: StoredRule, subject: RuleSubject): Answer {
  const conditions = toConditions(conditionsJson) ?? {}
  return {
    rule: name,
    action,
    tag,
    holds: holds(conditions, subject),
    conditions: namesOf(conditions).map(condition => ({
      condition: shownCondition(condition, conditions),
      found: foundFor(condition, conditions, subject),
      holds: holdsOne(condition, conditions, subject),
    })),
  }
}

const maxShown = 10

/** What the mail has in the place that the condition looks at. */
function foundFor(name: keyof Conditions, conditions: Conditions, { message, size, header }: RuleSubject): string {
  const list = (values: readonly string[]): string =>
    [...values.slice(0, maxShown), ...(values.length > maxShown ? ['…'] : [])].join(', ') || 'nothing'
  switch (name) {
    case 'from':
      return message.from?.address || 'nobody'
    case 'to':
    case 'notTo':
      return list([...message.to, ...message.cc].map(({ address }) => address))
    case 'subject':
      return message.subject || 'nothing'
    case 'header':
      return list(header(conditions.header?.name ?? ''))
    case 'kind':
      return message.kind
    case 'minBytes':
      return `${size} bytes`
  }
}

async function printAnswer(answer: Answer): Promise<void> {
  await print(`${answer.rule}: ${answer.holds ? 'holds' : 'does not hold'}`)
  if (answer.conditions.length === 0) await print(`  no   ${senseless}`)
  for (const { condition, found, holds } of answer.conditions)
    await print(`  ${holds ? 'yes' : 'no '}  ${condition}; found: ${found}`)
}

async function printVerdict(answers: readonly Answer[], isDecided: boolean): Promise<void> {
  const last = answers.at(-1)
  const tags = answers.filter(answer => answer.holds && answer.tag !== null).map(answer => answer.tag)
  if (isDecided && last !== undefined) {
    const end = last.action === 'drop' ? 'ignored' : 'quarantined'
    return await print(`the mail would end as ${end}, reason rule:${last.rule}`)
  }
  const tagged = tags.length === 0 ? '' : `, with ${tags.length === 1 ? 'the tag' : 'the tags'} ${tags.join(', ')}`
  await print(`the mail would go on to its ticket${tagged}`)
}
