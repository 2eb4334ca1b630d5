// A daemon that reads one mailbox, with people who look at what became of its mail.
import type { Daemon } from '../../src/daemon.ts'
import { createWorld, until, type World } from './daemon.ts'
import { startTestDovecot, user } from './dovecot.ts'
import { addUser } from './web.ts'

export interface TicketDesk extends AsyncDisposable {
  world: World
  daemon: Daemon
  accountId: number
  /** Delivers mails; resolves once all are read. */
  deliver(...mails: Buffer[]): Promise<void>
  /** The ticket whose subject has these words. */
  ticket(words: string): Promise<number>
}

const mailbox = 'desk'

/** With `ada`, an admin, and `grace`, an agent. */
export async function openTicketDesk(): Promise<TicketDesk> {
  await using stack = new AsyncDisposableStack()
  const dovecot = stack.use(await startTestDovecot())
  const world = stack.use(await createWorld())
  dovecot.deliver(user.name, mailbox, [])
  const accountId = await world.add(dovecot.destination('tls'), user.password, { mailboxes: [mailbox] })
  await addUser(world, 'ada', 'admin')
  await addUser(world, 'grace', 'agent')
  const daemon = await world.start()
  let delivered = 0
  const opened = stack.move()
  return {
    world,
    daemon,
    accountId,
    async deliver(...mails) {
      dovecot.deliver(user.name, mailbox, mails)
      delivered += mails.length
      await world.poll(accountId)
      await until(async () => Number((await world.db('sources').count({ n: '*' }).first())?.n) === delivered)
    },
    async ticket(words) {
      const row = await world.db('tickets').where('subject', 'like', `%${words}%`).first('id')
      if (row === undefined) throw new Error(`there is no ticket about ${words}`)
      return row.id
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** One part of a multipart mail. */
export interface Part {
  headers: readonly string[]
  body: Buffer | string
}

/** A multipart mail (RFC 2046); `headers` without the type. */
export function multipart(subtype: string, headers: readonly string[], parts: readonly Part[]): Buffer {
  const boundary = 'part of the mail'
  const inner = parts.map(({ headers: own, body }) =>
    [
      `--${boundary}`,
      ...own,
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from(body).toString('base64').replace(/.{76}/g, '$&\r\n'),
    ].join('\r\n'),
  )
  const head = [...headers, 'MIME-Version: 1.0', `Content-Type: multipart/${subtype}; boundary="${boundary}"`]
  return Buffer.from([...head, '', ...inner, `--${boundary}--`, ''].join('\r\n'))
}
