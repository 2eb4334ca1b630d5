// Other clients of the same mailboxes: people who flag, move and delete. They go to Dovecot past the link. What they take away for good
// they take after a row of it was seen, but for a few mails that they delete unread: these alone may be missing at the end.
import { setTimeout as wait } from 'node:timers/promises'
import { ImapFlow } from 'imapflow'
import { numberHeader } from './mails.ts'
import type { Delivered, Register } from './register.ts'
import { type ChaosAccount, elsewhere, type Scene } from './scene.ts'

export interface OtherClients {
  /** True while one of them works on the user's mailboxes. */
  isAt(user: string): boolean
  done: Record<Deed, number>
  /** Resolves when the signal ends it. */
  keepBusy(signal: AbortSignal): Promise<void>
}

export type Deed = 'flag' | 'shift' | 'take read' | 'take unread'

const meanGapMs = 500
const patienceMs = 5_000

export function createOtherClients(scene: Scene, register: Register, random: () => number): OtherClients {
  const at = new Set<string>()
  const done = { flag: 0, shift: 0, 'take read': 0, 'take unread': 0 }
  const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  return {
    isAt: user => at.has(user),
    done,
    async keepBusy(signal) {
      while (!signal.aborted) {
        const account = oneOf(scene.accounts)
        at.add(account.user)
        const deed = deedOf(random, account)
        const did = await visit(scene, register, account, deed, random).catch(() => false)
        at.delete(account.user)
        if (did) done[deed] += 1
        await wait(meanGapMs * (0.2 + 1.6 * random()), undefined, { signal }).catch(() => {})
      }
    },
  }
}

function deedOf(random: () => number, { mailboxes }: ChaosAccount): Deed {
  const kind = random()
  if (kind < 0.3) return 'flag'
  if (kind < 0.6) return mailboxes.length > 1 ? 'shift' : 'flag'
  return kind < 0.93 ? 'take read' : 'take unread'
}

/** True if it did something; a server that is away is no fault of anybody's. */
async function visit(
  scene: Scene,
  register: Register,
  account: ChaosAccount,
  deed: Deed,
  random: () => number,
): Promise<boolean> {
  const { dovecot } = scene.servers
  const client = new ImapFlow({
    host: dovecot.host,
    port: dovecot.ports.cleartext,
    secure: false,
    doSTARTTLS: false,
    auth: { user: account.user, pass: account.password },
    logger: false,
    connectionTimeout: patienceMs,
    greetingTimeout: patienceMs,
    socketTimeout: patienceMs,
    disableAutoIdle: true,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const from = account.mailboxes[Math.floor(random() * account.mailboxes.length)] as string
    await client.mailboxOpen(from)
    const uids = (await client.search({ all: true }, { uid: true })) || []
    const uid = uids[Math.floor(random() * uids.length)]
    const mail = uid === undefined ? undefined : await find(client, uid, account, register)
    if (uid === undefined || mail === undefined) return false
    return await act({ scene, client, account, from, random }, String(uid), mail, deed)
  } finally {
    client.close()
  }
}

async function find(
  client: ImapFlow,
  uid: number,
  account: ChaosAccount,
  register: Register,
): Promise<Delivered | undefined> {
  const found = await client.fetchOne(String(uid), { headers: [numberHeader] }, { uid: true })
  const number = /:\s*(\d+)/.exec(found ? String(found.headers ?? '') : '')?.[1]
  return number === undefined ? undefined : register.find(account, Number(number))
}

interface Visit {
  scene: Scene
  client: ImapFlow
  account: ChaosAccount
  from: string
  random: () => number
}

/** What is about to be done is written down first. */
async function act({ scene, client, account, from, random }: Visit, uid: string, mail: Delivered, deed: Deed) {
  const options = { uid: true }
  if (deed === 'flag') {
    mail.flagged = true
    return await client.messageFlagsAdd(uid, ['\\Flagged'], options)
  }
  if (deed === 'shift') {
    mail.moved += 1
    const to = account.mailboxes.find(name => name !== from) as string
    return Boolean(await client.messageMove(uid, to, options))
  }
  if (deed === 'take read' && !(await isTakenIn(scene, mail))) return false
  mail.taken += 1
  if (deed === 'take unread') mail.takenUnread += 1
  if (random() < 0.5) return await client.messageDelete(uid, options)
  return Boolean(await client.messageMove(uid, elsewhere, options))
}

async function isTakenIn({ db }: Scene, { account, sha256 }: Delivered): Promise<boolean> {
  return (await db('sources').where({ account_id: account.id, sha256, complete: true }).first('id')) !== undefined
}
