// A selected mailbox, on imapflow. Mail is fetched with BODY.PEEK[] (nothing is marked as read), one command a batch.
import { setTimeout as sleep } from 'node:timers/promises'
import type { CopyResponseObject, FetchMessageObject } from 'imapflow'
import { AccountError } from '../errors.ts'
import type { Wire } from './imap-session.ts'
import { toState } from './imap-session.ts'
import type { AfterIngest, FetchedMessage, Mailbox, MessageMeta } from './mailbox.ts'

/** SELECT or EXAMINE. */
export async function openMailbox(wire: Wire, name: string, access: 'read-only' | 'read-write'): Promise<Mailbox> {
  const { client } = wire
  const opened = await wire.run('SELECT', () => client.mailboxOpen(name, { readOnly: access === 'read-only' }))
  const { uidValidity, uidNext, exists } = opened as { uidValidity?: bigint; uidNext?: number; exists?: number }
  const state = toState(wire, { uidValidity, uidNext: uidNext || (await uidAfter(wire, exists ?? 0)), exists })
  wire.watch.note(name, state)
  /** UIDs that SEARCH gave and that are not listed yet, ascending: a large mailbox is not searched anew for every window. */
  let found: number[] = []
  const sizes = new Map<number, number>()
  /** UIDs mean something in this mailbox alone: where another one is selected by now nothing is asked and nothing changed. */
  const selected = (): Wire => {
    if (client.mailbox === opened) return wire
    throw new AccountError('imap.connection_lost', `account ${wire.accountId}: the mailbox is no longer selected`, {
      temporary: true,
      hint: 'it is tried again by itself',
    })
  }
  return {
    name,
    state,
    statesUidNext: Boolean(uidNext),
    estimatesSizes: /exchange/i.test(`${client.greeting ?? ''} ${client.serverInfo?.name ?? ''}`),
    async list(firstUid, limit) {
      if (firstUid > maxUid) return []
      found = found.filter(uid => uid >= firstUid)
      if (found.length === 0) found = await search(selected(), { uid: `${firstUid}:*` }, firstUid)
      const metas = await listWindow(selected(), firstUid, found.slice(0, limit), state.uidNext)
      const window = metas.slice(0, limit)
      sizes.clear()
      for (const meta of window) sizes.set(meta.uid, meta.size)
      return window
    },
    listSince: since => search(selected(), { since }, 1),
    fetch: (uids, maxBytes) => fetchMails(selected(), uids, maxBytes, sizes),
    stillThere: async uids => new Set(uids.length === 0 ? [] : await search(selected(), { uid: toSet(uids) }, 1)),
    keepAwake: wait => keepAwake(wire, wait),
    sizes: uids => fetchSizes(selected(), uids),
    settle: (uids, action) => settle(selected(), uids, action),
  }
}

/** Courier tells no UIDNEXT at SELECT: the mail that was the last one then says what came later, however old it is. */
async function uidAfter(wire: Wire, exists: number): Promise<number | undefined> {
  if (exists === 0) return 1
  let last: number | undefined
  await wire.run('FETCH', async () => {
    for await (const { seq, uid } of wire.client.fetch(String(exists), { uid: true })) if (seq === exists) last = uid
  })
  // Any line may name any UID.
  return last !== undefined && (await search(wire, { uid: String(last) }, last)).includes(last) ? last + 1 : undefined
}

/** UIDs have 32 bits; a server closes on what it takes for a bad range. */
const maxUid = 2 ** 32 - 1

async function search(wire: Wire, query: object, firstUid: number): Promise<number[]> {
  const found = await wire.run('SEARCH', () => wire.client.search(query, { uid: true }))
  if (!Array.isArray(found)) throw wire.refusal('SEARCH')
  return [...new Set(found)].filter(uid => uid >= firstUid).sort((a, b) => a - b)
}

/**
 * Size and date of the UIDs of a window; also of those that FETCH shows and SEARCH did not, and of those the other way about: below UIDNEXT.
 * What is said to be there from UIDNEXT on has just come, or is not there at all.
 */
async function listWindow(
  wire: Wire,
  firstUid: number,
  uids: readonly number[],
  uidNext: number | null,
): Promise<MessageMeta[]> {
  const last = uids.at(-1)
  if (wire.client.mailbox && wire.client.mailbox.exists === 0 && last === undefined) return []
  const isCovered = (uid: number): boolean => uidNext !== null && uid < uidNext
  const found = new Set(uids)
  const metas = new Map<number, MessageMeta>(
    uids.filter(isCovered).map(uid => [uid, { uid, size: 0, receivedAt: new Date(0) }]),
  )
  await wire.run('FETCH', async () => {
    const range = `${firstUid}:${last ?? '*'}`
    for await (const row of wire.client.fetch(range, { uid: true, size: true, internalDate: true }, { uid: true })) {
      const isAsked = row.uid >= firstUid && row.uid <= (last ?? row.uid)
      // Flags that others change are told in between, without what was asked for.
      const isAnswer = isAsked && row.size !== undefined
      if (isAnswer && (isCovered(row.uid) || found.has(row.uid))) metas.set(row.uid, toMeta(row))
    }
  })
  return [...metas.values()].sort((a, b) => a.uid - b.uid)
}

async function keepAwake<T>(wire: Wire, wait: Promise<T>): Promise<T> {
  const over = wait.then(
    () => true,
    () => true,
  )
  while (wire.client.usable) {
    const pause = new AbortController()
    const paused = sleep(wire.silenceMs / 3, false, { signal: pause.signal, ref: false }).catch(() => false)
    const isOver = await Promise.race([over, paused])
    pause.abort()
    if (isOver) break
    // Where it is dead the next command says so.
    await wire.client.noop().catch(() => {})
  }
  return await wait
}

async function fetchSizes(wire: Wire, uids: readonly number[]): Promise<Map<number, number>> {
  const found = new Map<number, number>()
  if (uids.length === 0) return found
  const wanted = new Set(uids)
  await wire.run('FETCH', async () => {
    for await (const { uid, size } of wire.client.fetch(toSet(uids), { uid: true, size: true }, { uid: true }))
      if (size !== undefined && wanted.has(uid)) found.set(uid, size)
  })
  return found
}

function toMeta(row: FetchMessageObject): MessageMeta {
  const date = row.internalDate === undefined ? new Date(0) : new Date(row.internalDate)
  return { uid: row.uid, size: row.size ?? 0, receivedAt: Number.isNaN(date.getTime()) ? new Date(0) : date }
}

async function* fetchMails(
  wire: Wire,
  uids: readonly number[],
  maxBytes: number,
  sizes: ReadonlyMap<number, number>,
): AsyncIterable<FetchedMessage> {
  const whole = uids.filter(uid => (sizes.get(uid) ?? 0) <= maxBytes)
  const oversize = uids.filter(uid => (sizes.get(uid) ?? 0) > maxBytes)
  if (whole.length > 0) yield* fetchPart(wire, whole, 'source', sizes)
  if (oversize.length > 0) yield* fetchPart(wire, oversize, 'headers', sizes)
}

async function* fetchPart(
  wire: Wire,
  uids: readonly number[],
  part: 'source' | 'headers',
  sizes: ReadonlyMap<number, number>,
): AsyncIterable<FetchedMessage> {
  const wanted = new Set(uids)
  const query = { uid: true, size: true, internalDate: true, [part]: true }
  try {
    for await (const row of wire.client.fetch(toSet(uids), query, { uid: true })) {
      const source: unknown = row[part]
      // NIL (`null` or `false` here): the server does not send it, or somebody else removed it meanwhile. It did not come.
      if (!Buffer.isBuffer(source) || !wanted.delete(row.uid)) continue
      const meta = toMeta(row)
      yield { ...meta, size: Math.max(meta.size, sizes.get(row.uid) ?? 0), source, complete: part === 'source' }
    }
  } catch (error) {
    throw wire.toError(error, 'FETCH')
  }
}

/** `1:4,7` of ascending or unordered UIDs (RFC 9051 sequence-set). */
export function toSet(uids: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const uid of [...uids].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last !== undefined && uid <= last[1] + 1) last[1] = uid
    else ranges.push([uid, uid])
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}:${to}`)).join(',')
}

async function settle(wire: Wire, uids: readonly number[], action: AfterIngest): Promise<AfterIngest | null> {
  const { client } = wire
  const set = toSet(uids)
  const uid = { uid: true }
  if (uids.length === 0 || action.kind === 'keep') return null
  if (action.kind === 'seen')
    return await done(wire, 'STORE', () => client.messageFlagsAdd(set, ['\\Seen'], { ...uid, silent: true }))
  if (action.kind === 'delete') return await remove(wire, set)
  if (client.capabilities.has('MOVE')) {
    await relocate(wire, 'MOVE', uids, left => client.messageMove(left, action.mailbox, uid))
    return null
  }
  await relocate(wire, 'COPY', await findLeft(wire, uids), left => client.messageCopy(left, action.mailbox, uid))
  return { kind: 'delete' }
}

async function done(wire: Wire, during: string, command: () => Promise<unknown>): Promise<null> {
  if (!(await wire.run(during, command))) throw wire.refusal(during)
  return null
}

/**
 * MOVE and COPY are answered with OK also where nothing was done: Dovecot leaves a whole set as it is when somebody else has just removed
 * one mail of it (OK [EXPUNGEISSUED], RFC 5530). What COPYUID (RFC 4315) does not name and is still there is asked for again.
 */
async function relocate(
  wire: Wire,
  during: 'MOVE' | 'COPY',
  uids: readonly number[],
  command: (set: string) => Promise<CopyResponseObject | false | undefined>,
): Promise<void> {
  let left = uids
  for (let tries = 0; left.length > 0; tries++) {
    if (tries === maxTries) throw wire.refusal(during)
    const answer = await wire.run(during, () => command(toSet(left)))
    if (!answer) throw wire.refusal(during)
    const named = answer.uidMap ?? new Map<number, number>()
    const unnamed = left.filter(uid => !named.has(uid))
    const there = await findLeft(wire, unnamed)
    // Without COPYUID: a copy is whole if nobody removed anything meanwhile.
    if (during === 'COPY' && named.size === 0 && there.length === unnamed.length) return
    left = there
  }
}

const maxTries = 5

/** Which of them are there after NOOP: until then a server may show what somebody else removed. */
async function findLeft(wire: Wire, uids: readonly number[]): Promise<number[]> {
  if (uids.length === 0) return []
  await wire.run('NOOP', () => wire.client.noop())
  return await search(wire, { uid: toSet(uids) }, 1)
}

/** Without UIDPLUS, EXPUNGE would take other people's deletions along: the mail stays, marked. */
async function remove(wire: Wire, set: string): Promise<null> {
  const { client } = wire
  if (client.capabilities.has('UIDPLUS'))
    return await done(wire, 'EXPUNGE', () => client.messageDelete(set, { uid: true }))
  return await done(wire, 'STORE', () => client.messageFlagsAdd(set, ['\\Deleted'], { uid: true, silent: true }))
}
