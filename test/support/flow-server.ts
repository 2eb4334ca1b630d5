// What the flow tests need of a mail server, whichever it is, and the other client that works on its mailboxes.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { ImapFlow } from 'imapflow'
import type { Destination } from '../../src/model/destination.ts'

export interface FlowServer extends OtherClient, AsyncDisposable {
  user: { name: string; password: string }
  /** Where `user` logs in. */
  destination(security: Destination['security']): Destination
  /** How the server spells a mailbox by its levels. */
  nameOf(...levels: string[]): string
  /** Ends it as a crash would, and starts it again where it was. */
  restart(): Promise<void>
}

export interface StoredMail {
  uid: number
  flags: string[]
  source: Buffer
}

/** What another client of the same account does. */
export interface OtherClient {
  /** Puts mails into a mailbox, which is made if there is none. Throws where the server takes one not. */
  deliver(mailbox: string, mails: readonly Buffer[], receivedAt?: Date): Promise<void>
  /** The mails as the server gives them. */
  mails(mailbox: string): Promise<StoredMail[]>
  /** Sets a flag. */
  mark(mailbox: string, uids: readonly number[], flag: string): Promise<void>
  move(mailbox: string, uids: readonly number[], to: string): Promise<void>
  /** Deletes for good. */
  remove(mailbox: string, uids: readonly number[]): Promise<void>
  /** Makes the mailbox anew, with the same mails: it has another UIDVALIDITY. */
  resetUidValidity(mailbox: string): Promise<void>
}

export function createOtherClient(user: FlowServer['user'], destination: () => Destination): OtherClient {
  const within = async <T>(use: (client: ImapFlow) => Promise<T>): Promise<T> => {
    const { host, port, caPem } = destination()
    const client = new ImapFlow({
      host,
      port,
      secure: true,
      auth: { user: user.name, pass: user.password },
      tls: caPem === null ? {} : { ca: caPem },
      logger: false,
      disableAutoIdle: true,
    })
    client.on('error', () => {})
    await client.connect()
    try {
      return await use(client)
    } finally {
      await client.logout().catch(() => {})
      client.close()
    }
  }
  const other: OtherClient = {
    deliver: (mailbox, mails, receivedAt) =>
      within(async client => {
        // Refused where there is one.
        await client.mailboxCreate(mailbox).catch(() => {})
        for (const mail of mails) {
          if (!(await client.append(mailbox, mail, [], receivedAt))) throw new Error(`${mailbox} takes no mail`)
        }
      }),
    mails: mailbox =>
      within(async client => {
        const { exists } = await client.mailboxOpen(mailbox, { readOnly: true })
        const found: StoredMail[] = []
        if (exists === 0) return found
        for await (const { uid, flags, source } of client.fetch('1:*', { uid: true, flags: true, source: true }))
          found.push({ uid, flags: [...(flags ?? [])], source: source ?? Buffer.alloc(0) })
        return found
      }),
    mark: (mailbox, uids, flag) =>
      within(async client => {
        await client.mailboxOpen(mailbox)
        await client.messageFlagsAdd(uids.join(), [flag], { uid: true })
      }),
    move: (mailbox, uids, to) =>
      within(async client => {
        await client.mailboxOpen(mailbox)
        await client.messageMove(uids.join(), to, { uid: true })
      }),
    remove: (mailbox, uids) =>
      within(async client => {
        await client.mailboxOpen(mailbox)
        await client.messageDelete(uids.join(), { uid: true })
      }),
    async resetUidValidity(mailbox) {
      const mails = await other.mails(mailbox)
      await within(client => client.mailboxDelete(mailbox))
      await other.deliver(
        mailbox,
        mails.map(({ source }) => source),
      )
    },
  }
  return other
}

/** Ports of loopback that nobody listens at. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}

/** True once the port's server greets. */
export async function greets(port: number): Promise<boolean> {
  return await new Promise(resolve => {
    const connection = connect(port, '127.0.0.1')
    const end = (ready: boolean): void => {
      connection.destroy()
      resolve(ready)
    }
    connection.setTimeout(2_000, () => end(false))
    connection.once('error', () => end(false))
    connection.once('close', () => end(false))
    connection.once('data', data => end(data.toString('latin1').startsWith('* OK')))
  })
}
