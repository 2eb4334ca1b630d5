// Rules: what an admin decides of mails before they become tickets.
import { z } from 'zod'
import { OperationError } from '../errors/errors.ts'
import type { Conditions } from '../model/rule.ts'
import { judgeSender } from '../parse/authentication/judge-sender.ts'
import { createHeaderReader } from '../poll/ingest/ingest-batch.ts'
import { getAccount } from '../store/accounts/accounts.ts'
import { inTransaction } from '../store/db/database.ts'
import {
  findAllRules,
  getRule,
  insertRule,
  removeRule as removeRow,
  type StoredRule,
  updateRuleEnabled,
} from '../store/ingest/stored-rules.ts'
import { holds, holdsOne, kinds, namesOf, type RuleSubject, toConditions, verdicts } from '../thread/rules.ts'
import { whichAccount } from './account-input.ts'
import type { Deps } from './deps.ts'
import { type Call, defineOperation } from './operation.ts'

/** A text of which nothing is a control character; `*` stands for anything. */
const pattern = z.string().regex(/^\P{Cc}{1,500}$/u, {
  error: 'must have 1 to 500 characters, none of them a control character',
})

const addressPattern = z
  .string()
  .refine(text => /^\P{Cc}{1,500}$/u.test(text) && /[@*]/.test(text) && !/\s/.test(text), {
    error: 'would fit no address; write *@example.com for a domain, *word* for a word',
  })

const header = z.string().transform((text, context): NonNullable<Conditions['header']> => {
  const [, name, value] = /^([!-9;-~]{1,100})\s*:\s*(\P{Cc}{1,500}?)\s*$/u.exec(text) ?? []
  if (name !== undefined && value !== undefined) return { name, value }
  context.addIssue('must be a name and a pattern, as "X-Spam-Flag: yes"')
  return z.NEVER
})

const units: Readonly<Record<string, number>> = { '': 1, K: 1_024, M: 1_048_576, G: 1_073_741_824 }

const size = z.string().transform((text, context): number => {
  const [, number, unit = ''] = /^(\d{1,10})\s*([KMG]?)B?$/i.exec(text) ?? []
  const bytes = Number(number) * (units[unit.toUpperCase()] ?? 1)
  if (bytes >= 1 && bytes <= (units.G ?? 0)) return bytes
  context.addIssue('must be a size from 1 to 1G, as 200000, 500K or 10M')
  return z.NEVER
})

const positionRange = { error: 'must be a number, as 10' }
const conditionFields = ['from', 'to', 'notTo', 'subject', 'header', 'kind', 'sender', 'minSize'] as const

const newRule = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\p{L}\p{N}][\p{L}\p{N}._-]{0,49}$/u, {
        error: 'must have 1 to 50 letters, digits, dots, dashes or underscores',
      })
      .describe('the reason that `source list` shows, for example no-spam'),
    from: addressPattern.optional().describe('the sender’s address'),
    to: addressPattern.optional().describe('an address in To or Cc'),
    notTo: addressPattern.optional().describe('no address in To or Cc matches: the mail was not written to you'),
    subject: pattern.optional().describe('the subject'),
    header: header.optional().describe('a header field, for example "X-Spam-Flag: yes"'),
    kind: z
      .enum(kinds, { error: `must be ${kinds.slice(0, -1).join(', ')} or ${kinds.at(-1)}` })
      .optional()
      .describe('human, auto-generated, auto-reply, bounce, feedback-report, list or loop'),
    sender: z
      .enum(verdicts, { error: 'must be pass, fail, none or unknown' })
      .optional()
      .describe('the verdict of the mail server about the sender: pass, fail, none or unknown'),
    minSize: size.optional().describe('the minimum size of the mail, for example 500K or 10M'),
    action: z.enum(['drop', 'hold', 'tag'], { error: 'must be given' }).describe('drop, hold or tag'),
    tag: z
      .string()
      .regex(/^\P{Cc}{1,50}$/u, { error: 'must have 1 to 50 characters' })
      .optional()
      .describe('for the action tag: what the ticket is tagged with'),
    account: whichAccount.optional().describe('only for this account, by id or address; default: all accounts'),
    position: z
      .int(positionRange)
      .min(-999_999, positionRange)
      .max(999_999, positionRange)
      .default(100)
      .describe('the place in the order in which rules are checked'),
  })
  .superRefine((rule, context) => {
    if ((rule.action === 'tag') !== (rule.tag !== undefined))
      context.addIssue({ code: 'custom', path: ['tag'], message: 'must be given for the action tag, and for no other' })
  })
  .refine(rule => conditionFields.some(name => rule[name] !== undefined), {
    path: ['conditions'],
    error: 'must be given',
    // Also where other fields have faults: all are told at once.
    when: ({ value }) => typeof value === 'object' && value !== null,
  })

export const addRule = defineOperation({
  name: 'rule.add',
  who: 'admin',
  summary: 'add a rule: conditions, all of which must match, and an action',
  input: newRule,
  async work(
    { db }: Pick<Deps, 'db'>,
    { input, audit },
  ): Promise<Pick<StoredRule, 'name' | 'action' | 'tag'> & { conditions: Conditions }> {
    const { name, action, position, account } = input
    const conditions = conditionsOf(input)
    const tag = input.tag ?? null
    return await inTransaction(db, async trx => {
      const accountId = account === undefined ? null : (await getAccount(trx, account)).id
      if (!(await insertRule(trx, { name, action, tag, position, conditions, accountId })))
        throw new OperationError('rule.exists', { rule: name })
      await audit(trx, aboutRule(name, accountId))
      return { name, action, tag, conditions }
    })
  },
})

function conditionsOf({
  from,
  to,
  notTo,
  subject,
  header,
  kind,
  sender,
  minSize: minBytes,
}: z.output<typeof newRule>): Conditions {
  const given = Object.entries({ from, to, notTo, subject, header, kind, sender, minBytes })
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}

function aboutRule(rule: string, accountId: number | null) {
  return { detail: { rule }, ...(accountId === null ? {} : { accountId }) }
}

/** `conditions`: null where they make no sense: others may write them, too. */
export type ListedRule = Omit<StoredRule, 'conditionsJson'> & { conditions: Conditions | null }

export const listRules = defineOperation({
  name: 'rule.list',
  who: 'admin',
  summary: 'list all rules, in the order in which they are checked',
  input: z.strictObject({}),
  async work({ db }: Pick<Deps, 'db'>): Promise<ListedRule[]> {
    return (await findAllRules(db)).map(({ conditionsJson, ...rule }) => ({
      ...rule,
      conditions: toConditions(conditionsJson) ?? null,
    }))
  },
})

const nameRange = { error: 'must have 1 to 200 characters' }

const oneRule = z.strictObject({
  rule: z.string().min(1, nameRange).max(200, nameRange).describe('the name of the rule'),
})

export const enableRule = defineOperation({
  name: 'rule.enable',
  who: 'admin',
  summary: 'enable a rule again',
  input: oneRule,
  work: (deps: Pick<Deps, 'db'>, call) => setEnabled(deps, call, true),
})

export const disableRule = defineOperation({
  name: 'rule.disable',
  who: 'admin',
  summary: 'disable a rule without removing it',
  input: oneRule,
  work: (deps: Pick<Deps, 'db'>, call) => setEnabled(deps, call, false),
})

/** `changed`: false if it was so already; then nothing is written. */
async function setEnabled(
  { db }: Pick<Deps, 'db'>,
  { input, audit }: Call<{ rule: string }>,
  enabled: boolean,
): Promise<{ changed: boolean }> {
  return await inTransaction(db, async trx => {
    const rule = await getRule(trx, input.rule)
    if (rule.enabled === enabled) return { changed: false }
    await updateRuleEnabled(trx, rule.id, enabled)
    await audit(trx, aboutRule(input.rule, rule.accountId))
    return { changed: true }
  })
}

export const removeRule = defineOperation({
  name: 'rule.remove',
  who: 'admin',
  summary: 'remove a rule; what it decided stays as it is',
  input: oneRule,
  async work({ db }: Pick<Deps, 'db'>, { input, audit }): Promise<void> {
    await inTransaction(db, async trx => {
      const rule = await getRule(trx, input.rule)
      await removeRow(trx, rule.id)
      await audit(trx, aboutRule(input.rule, rule.accountId))
    })
  },
})

/** What a rule says of a mail. */
export interface RuleAnswer {
  rule: string
  action: StoredRule['action']
  tag: string | null
  holds: boolean
  /** null where they make no sense: the rule holds for nothing. */
  conditions: Conditions | null
  /** For each condition what the mail has in the place that it looks at. */
  checks: { condition: keyof Conditions; found: readonly string[]; holds: boolean }[]
}

export interface RuleTest {
  /** Of the rules that are asked, in their order; the one that decides is the last. */
  answers: RuleAnswer[]
  /** True if the last one drops or holds the mail. */
  decided: boolean
}

export const testRules = defineOperation({
  name: 'rule.test',
  who: 'admin',
  summary: 'show which rules match a mail, and why; changes nothing',
  input: z.strictObject({
    mail: z.instanceof(Uint8Array, { error: 'must be a raw mail' }).describe('the raw mail'),
    account: whichAccount
      .optional()
      .describe('test as mail of this account, by id or address; default: only rules for all accounts'),
  }),
  async work({ db, parse }: Pick<Deps, 'db' | 'parse'>, { input: { mail, account } }): Promise<RuleTest> {
    const ofAccount = account === undefined ? undefined : await getAccount(db, account)
    const address = ofAccount?.address ?? null
    const trusted = ofAccount?.authservIds ?? null
    const source = Buffer.from(mail)
    const header = createHeaderReader()
    const message = await parse(source)
    const subject = {
      message,
      sender: judgeSender(message.senderEvidence, trusted),
      size: source.length,
      header: (name: string) => header(source, name),
    }
    const asked = (await findAllRules(db)).filter(
      rule => rule.enabled && (rule.account === null || rule.account === address),
    )
    const answers = asked.map(rule => answerOf(rule, subject))
    const deciding = answers.findIndex(answer => answer.holds && answer.action !== 'tag')
    return deciding < 0 ? { answers, decided: false } : { answers: answers.slice(0, deciding + 1), decided: true }
  },
})

function answerOf({ name, action, tag, conditionsJson }: StoredRule, subject: RuleSubject): RuleAnswer {
  const conditions = toConditions(conditionsJson)
  if (conditions === undefined) return { rule: name, action, tag, holds: false, conditions: null, checks: [] }
  const checks = namesOf(conditions).map(condition => ({
    condition,
    found: foundFor(condition, conditions, subject),
    holds: holdsOne(condition, conditions, subject),
  }))
  return { rule: name, action, tag, holds: holds(conditions, subject), conditions, checks }
}

function foundFor(
  condition: keyof Conditions,
  conditions: Conditions,
  { message, sender, size, header }: RuleSubject,
): readonly string[] {
  switch (condition) {
    case 'from':
      return message.from?.address ? [message.from.address] : []
    case 'to':
    case 'notTo':
      return [...message.to, ...message.cc].map(({ address }) => address)
    case 'subject':
      return message.subject === '' ? [] : [message.subject]
    case 'header':
      return header(conditions.header?.name ?? '')
    case 'kind':
      return [message.kind]
    case 'sender':
      return [sender.verdict]
    case 'minBytes':
      return [String(size)]
  }
}
