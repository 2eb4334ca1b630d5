// A test of a mail server in words. What failed is told by our own words and a code; what the server said is not shown, for it may hold addresses
// or worse.
import { hintForPage } from '../../../errors/hints.ts'
import type { Destination } from '../../../model/destination.ts'
import type { Step, StepName, Tested } from '../../../operations/test-account.ts'
import { hintText } from '../../layout/parts.ts'

export interface ShownStep {
  name: StepName
  end: Step['end']
  words: string
  code?: string
}

export function shownSteps(tested: Tested): ShownStep[] {
  const { steps, id } = tested
  const isWhole = steps.some(({ name, end }) => name === 'login' && end === 'ok')
  return steps.map(({ name, end, error, mailbox }) => {
    if (end === 'untried') return { name, end, words: 'not tried' }
    if (error === undefined) return { name, end, words: (isWhole ? doneWords : passedWords)[name](tested) }
    const words = hintText(hintForPage(error, { account: id ?? 0 }))
    return { name, end, code: error.code, words: mailbox === undefined ? words : `${mailbox}: ${words}` }
  })
}

type Words = Readonly<Record<StepName, (tested: Tested) => string>>

const doneWords: Words = {
  connect: ({ destination: { host, port } }) => `${host} answers at port ${port}`,
  tls: ({ destination: { security } }) => securityWords[security],
  login: ({ destination: { username } }) => `the server lets ${username} in`,
  mailbox: ({ mailboxes }) =>
    `${mailboxes.map(({ name }) => name).join(', ')} ${mailboxes.length === 1 ? 'is' : 'are'} there`,
  count: ({ mailboxes }) =>
    mailboxes
      .filter(({ messages }) => messages !== undefined)
      .map(({ name, messages }) => `${name}: ${messages} ${messages === 1 ? 'mail' : 'mails'}`)
      .join(', '),
}

/** Of steps before one that failed: they must have worked. */
const passedWords: Words = { ...doneWords, connect: () => 'the server answers', tls: () => 'as chosen' }

const securityWords: Readonly<Record<Destination['security'], string>> = {
  tls: 'TLS from the start, and the certificate is good',
  starttls: 'TLS after STARTTLS, and the certificate is good',
  cleartext: 'none, as chosen: everybody on the way can read along',
}
