import { addRule, disableRule, enableRule, listRules, removeRule, testRules } from '../../src/operations/admin-rules.ts'
import { insertRule } from '../../src/store/ingest/stored-rules.ts'
import { rawMail } from '../support/messages.ts'
import type { Row, Scene } from './scene.ts'

const onServer = { none: 'rules have no page yet: they are set on the server' }
let names = 0

/** Adds a rule that is enabled, or not. */
const oneRule =
  (enabled: boolean) =>
  async ({ deps: { db } }: Scene): Promise<object> => {
    const name = `rule-${++names}`
    const conditions = { subject: 'x' }
    await insertRule(db, { name, position: 1, action: 'drop', tag: null, accountId: null, conditions })
    await db('rules').where({ name }).update({ enabled })
    return { rule: name }
  }

export const ruleRows: readonly Row[] = [
  { operation: listRules, command: { name: 'rule list', fields: {} }, web: onServer, input: () => ({}), audits: [] },
  {
    operation: addRule,
    command: {
      name: 'rule add',
      fields: {
        ...{ name: '<name>', action: '--drop', account: '--account', position: '--position', tag: '--tag' },
        ...{ from: '--from', to: '--to', notTo: '--not-to', subject: '--subject', header: '--header' },
        ...{ kind: '--kind', sender: '--sender', minSize: '--min-size' },
      },
    },
    web: onServer,
    input: () => ({ name: `new-${++names}`, action: 'drop', header: 'X-Spam-Flag: yes', minSize: '1K' }),
  },
  {
    operation: enableRule,
    command: { name: 'rule enable', fields: { rule: '<name>' } },
    web: onServer,
    input: oneRule(false),
  },
  {
    operation: disableRule,
    command: { name: 'rule disable', fields: { rule: '<name>' } },
    web: onServer,
    input: oneRule(true),
  },
  {
    operation: removeRule,
    command: { name: 'rule remove', fields: { rule: '<name>' } },
    web: onServer,
    input: oneRule(true),
  },
  {
    operation: testRules,
    command: { name: 'rule test', fields: { mail: '<file>', account: '--account' } },
    web: onServer,
    input: () => ({ mail: rawMail({ id: 'tried@scene' }) }),
    audits: [],
  },
]
