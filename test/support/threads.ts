// Short stories of mails, run through the parser and `decideOutcomes` with an in-memory database that grows as the real one does.

import { createHash } from 'node:crypto'
import type { ArchivedMail, BatchTicket, MailOutcome, Original } from '../../src/model/mail-outcome.ts'
import type { Kind, MessageFacts } from '../../src/model/parsed-message.ts'
import { parseMessage } from '../../src/parse/parse-message.ts'
import { untouchedTicket } from '../../src/poll/ingest/batch-ticket.ts'
import {
  decideOutcomes,
  type Known,
  type OutcomeCursor,
  type OutcomePolicy,
} from '../../src/poll/ingest/decide-outcomes.ts'
import { createHeaderReader, verifyTokens } from '../../src/poll/ingest/ingest-batch.ts'
import { emptyHistory, noteMail } from '../../src/thread/hold.ts'
import { personOf, threadIds } from '../../src/thread/thread-message.ts'
import { createTokens } from '../../src/thread/token.ts'
import { type MailFacts, rawMail } from './messages.ts'

export const tokens = createTokens(Buffer.alloc(32, 7))
const foreign = createTokens(Buffer.alloc(32, 8))

export interface StoryMail extends MailFacts {
  /** Which account it comes to (default: 1). */
  account?: number
  /** Minutes after the story's beginning (default: as many as there were mails). */
  minute?: number
  raw?: Buffer
}

/** What happens: a mail; several in one batch; or what others do meanwhile. */
export type Step =
  | StoryMail
  | StoryMail[]
  | { close: number }
  /** The helpdesk notes the Message-ID of its answer, and whom it wrote to. */
  | { answers: number; id: string; to?: string }

export interface StorySettings {
  closed?: 'reopen' | 'new'
  opening?: string
  hold?: Partial<OutcomePolicy['hold']>
  rules?: (OutcomePolicy['rules'][number] & { account?: number })[]
  cursor?: Partial<OutcomeCursor>
  /** The secret for tokens cannot be opened. */
  locked?: true
}

interface Ticket {
  id: number
  ref: string
  account: number
  requester: string
  participants: Set<string>
  closed: boolean
  linked: number | null
  tags: string[]
  bounced: Map<string, string>
}

/** Addresses of the accounts 1 and 2. */
const own = new Map([
  [1, 'support@example.com'],
  [2, 'sales@example.com'],
])

const storyStart = Date.parse('2026-11-24T10:00:00Z')

/** Tells the story; returns for each mail what became of it, as `appended 1 reference`, `created 2 closed -> 1` or `ignored own-mail`. */
export async function tell(
  steps: readonly Step[],
  settings: StorySettings = {},
): Promise<{ ends: string[]; world: StoryWorld }> {
  const world = new StoryWorld(settings)
  const ends: string[] = []
  for (const step of steps) {
    if ('close' in step) world.ticket(step.close).closed = true
    else if ('answers' in step) world.answer(step.answers, step.id, step.to)
    else ends.push(...(await world.take(Array.isArray(step) ? step : [step])))
  }
  return { ends, world }
}

/** The tickets, ids and senders of a story. */
export class StoryWorld {
  readonly tickets: Ticket[] = []
  private readonly settings: StorySettings
  private readonly ids: [account: number, id: string, ticket: number][] = []
  private readonly awaited: [account: number, id: string, ticket: number][] = []
  private readonly contents = new Map<string, Original>()
  private readonly taken: { message: MessageFacts; at: Date; opened: boolean }[] = []
  private uid = 0

  constructor(settings: StorySettings) {
    this.settings = settings
  }

  ticket(id: number): Ticket {
    const found = this.tickets[id - 1]
    if (found === undefined) throw new Error(`the story has no ticket ${id}`)
    return found
  }

  answer(ticket: number, id: string, to: string | undefined): void {
    this.ids.push([this.ticket(ticket).account, id, ticket])
    if (to !== undefined) this.ticket(ticket).participants.add(to)
  }

  async take(mails: readonly StoryMail[]): Promise<string[]> {
    const account = mails[0]?.account ?? 1
    const kept: ArchivedMail[] = []
    for (const mail of mails) kept.push(await this.keep(mail))
    const policy = this.policy(account)
    const cursor = { rereadBeforeUid: 0, startBeforeUid: 0, released: false, ...this.settings.cursor }
    const ends = decideOutcomes(kept, await this.known(account, kept), cursor, policy)
    return ends.map(end => this.write(account, end))
  }

  private async keep(mail: StoryMail): Promise<ArchivedMail> {
    const filled = Object.fromEntries(
      Object.entries(mail).map(([name, value]) => [name, fill(value, text => this.fillIn(text))]),
    ) as StoryMail
    this.uid += 1
    const source = mail.raw ?? rawMail({ body: `mail ${this.uid}`, ...filled })
    const sha256 = createHash('sha256').update(source).digest('hex')
    const receivedAt = new Date(storyStart + (mail.minute ?? this.uid) * 60_000)
    return {
      mail: { uid: this.uid, size: source.length, receivedAt, complete: true, source },
      location: { batch: 'b', offset: 0, size: source.length, sha256 },
      parsed: await parseMessage(source),
      fault: null,
    }
  }

  /** `{token 1}`, `{lower 1}`, `{confused 1}` (O for 0, I and l for 1), `{forged 1}`, `{other 1}` (of another installation). */
  private fillIn(text: string): string {
    return text.replace(/\{(\w+) (\d+)\}/g, (_, kind: string, id: string) => {
      const { ref } = this.ticket(Number(id))
      const token = tokens.sign(ref)
      if (kind === 'lower') return token.toLowerCase()
      if (kind === 'confused')
        return `${token.slice(0, 3)}${token.slice(3).replaceAll('0', 'o').replace('1', 'I').replaceAll('1', 'l')}`
      if (kind === 'forged') return token.slice(0, -1) + (token.endsWith('7') ? '8' : '7')
      return kind === 'other' ? foreign.sign(ref) : token
    })
  }

  private policy(account: number): OutcomePolicy {
    const { closed = 'reopen', opening = 'human,list,auto-generated', hold = {}, rules = [] } = this.settings
    return {
      thread: { closed, opening: new Set(opening.split(',') as Kind[]), requester: 'sender', senderCheck: 'warn' },
      hold: { ticketsPerHour: 200, sameSubject: 20, ...hold },
      rules: rules.filter(rule => (rule.account ?? account) === account),
      header: createHeaderReader(),
    }
  }

  /** What `findKnown` finds in the database. */
  private async known(account: number, kept: readonly ArchivedMail[]): Promise<Known> {
    const messages = kept.flatMap(({ parsed }) => parsed ?? [])
    const openTokens = async () => (this.settings.locked ? undefined : tokens)
    const { refs } = await verifyTokens(kept, { ...this.policy(account), openTokens })
    const batch = new Map<number, BatchTicket>()
    const one = (id: number): BatchTicket => {
      const { participants, requester, closed } = this.ticket(id)
      const found = batch.get(id) ?? untouchedTicket({ id, participants: new Set(participants), requester, closed })
      batch.set(id, found)
      return found
    }
    const find = (rows: readonly [number, string, number][], ids: readonly string[]): Map<string, BatchTicket[]> =>
      new Map(
        [
          ...Map.groupBy(
            rows.filter(([of, id]) => of === account && ids.includes(id)),
            ([, id]) => id,
          ),
        ].map(([id, found]) => [id, found.map(([, , ticket]) => one(ticket))]),
      )
    const ownIds = messages.map(message => message.messageId)
    return {
      contents: new Map(
        [...this.contents]
          .filter(([key]) => key.startsWith(`${account} `))
          .map(([key, original]) => [key.split(' ')[1] ?? '', original]),
      ),
      fingerprints: new Map(),
      trusted: null,
      threads: find(this.ids, [...messages.flatMap(threadIds), ...ownIds]),
      awaited: find(this.awaited, ownIds),
      elsewhere: new Set(),
      tokens: new Map(
        [...refs].map(([token, ref]): [string, BatchTicket | 'forged' | 'elsewhere'] => {
          const found = this.tickets.find(ticket => ticket.ref === ref)
          if (found === undefined) return [token, 'forged']
          return [token, found.account === account ? one(found.id) : 'elsewhere']
        }),
      ),
      own: new Set(own.values()),
      histories: this.histories(),
      canaries: new Set(),
    }
  }

  private histories(): Known['histories'] {
    const histories: Known['histories'] = new Map()
    for (const { message, at, opened } of this.taken) {
      const sender = personOf(message)?.address.toLowerCase() ?? ''
      const history = histories.get(sender) ?? emptyHistory()
      histories.set(sender, history)
      noteMail(history, message, at, opened)
    }
    return histories
  }

  /** What `insertMails` writes. */
  private write(account: number, end: MailOutcome): string {
    const { archived, result, reason, ticket, waiting } = end
    if (result !== 'duplicate')
      this.contents.set(`${account} ${archived.location.sha256}`, {
        id: archived.mail.uid,
        ticketId: ticket?.id ?? null,
        outcome: null,
      })
    const message = archived.parsed
    if (ticket === null || message === null) return `${result} ${reason}`
    ticket.id ??= this.insert(account, ticket)
    const row = this.ticket(ticket.id)
    row.closed = row.closed && !ticket.reopened
    for (const address of ticket.newParticipants) row.participants.add(address)
    row.tags = [...new Set([...row.tags, ...ticket.tags])]
    for (const [address, status] of ticket.bounced) row.bounced.set(address, status)
    if (message.messageId !== '') this.ids.push([account, message.messageId, row.id])
    for (const id of ticket.awaits) this.awaited.push([account, id, row.id])
    for (const other of waiting) this.ticket(other.id ?? 0).linked ??= row.id
    this.taken.push({ message, at: archived.mail.receivedAt, opened: result === 'created' })
    const linked = result === 'created' && row.linked !== null ? ` -> ${row.linked}` : ''
    return `${result} ${row.id} ${reason}${linked}`
  }

  private insert(account: number, ticket: BatchTicket): number {
    const id = this.tickets.length + 1
    this.tickets.push({
      id,
      // Letters that are mistaken for others are among them.
      ref: `LL-0${id}10-${String(id).padStart(4, '0')}`,
      account,
      requester: ticket.requester,
      participants: new Set(),
      closed: false,
      linked: ticket.opened?.linked?.id ?? null,
      tags: [],
      bounced: new Map(),
    })
    return id
  }
}

function fill(value: unknown, fillIn: (text: string) => string): unknown {
  if (typeof value === 'string') return fillIn(value)
  return Array.isArray(value) ? value.map(item => fill(item, fillIn)) : value
}
