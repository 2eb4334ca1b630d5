// A selected mailbox, on imapflow. Mail is fetched with BODY.PEEK[] (nothing is marked as read), one command a batch. What a server tells beyond what
// was asked for is left aside, and what our columns cannot hold never leaves this file.

import { setTimeout as sleep } from 'node:timers/promises'
import type { CopyResponseObject, FetchMessageObject } from 'imapflow'
import { AccountError } from '../errors/errors.ts'
import type { AfterIngest, FetchedMessage, MessageMeta } from '../model/mail.ts'
import { type Bounds, ordinary } from './answer-bounds.ts'
import type { Mailbox } from './mailbox.ts'
import { dateIn, maxUid, toCount, toDate, toUidNext } from './numbers.ts'
import { toState, type Wire } from './wire.ts'

/** SELECT or EXAMINE. */
export async function openMailbox(wire: Wire, name: string, access: 'read-only' | 'read-write'): Promise<Mailbox> {
  const { client } = wire
  const opened = await wire.run('SELECT', () => client.mailboxOpen(name, { readOnly: access === 'read-only' }))
  const { uidValidity, uidNext, exists } = opened as { uidValidity?: bigint; uidNext?: unknown; exists?: number }
  const state = toState(wire, {
    uidValidity,
    uidNext: toUidNext(uidNext) ?? (await uidAfter(wire, exists ?? 0)),
    exists,
  })
  wire.watch.note(name, state)
  /** UIDs that SEARCH gave and that are not listed yet, ascending: a large mailbox is not searched anew for every window. */
  let found: number[] = []
  /** What was told of those that are listed. */
  const listed: Listed = new Map()
  /** UIDs mean something in this mailbox alone: where another one is selected by now nothing is asked and nothing changed. */
  const selected = (): Wire => {
    if (client.mailbox === opened) return wire
    throw new AccountError(
      'imap.connection_lost',
      { account: wire.accountId, reason: 'not_selected' },
      { temporary: true },
    )
  }
  return {
    name,
    state,
    statesUidNext: toUidNext(uidNext) !== null,
    estimatesSizes: /exchange/i.test(`${client.greeting ?? ''} ${client.serverInfo?.name ?? ''}`),
    async list(firstUid, limit) {
      if (firstUid > maxUid) return []
      found = found.filter(uid => uid >= firstUid)
      if (found.length === 0) found = await searchFrom(selected(), firstUid, state.uidNext)
      const metas = await listWindow(selected(), firstUid, found.slice(0, limit), state.uidNext)
      const window = metas.slice(0, limit)
      listed.clear()
      for (const meta of window) listed.set(meta.uid, meta)
      // Told last, so that all the others come in before.
      if (window.length === 0 && wire.answers.sawHugeUid) throw withHugeUid(wire)
      return window
    },
    listSince: since => search(selected(), { since }, 1),
    fetch: (uids, maxBytes) => fetchMails(selected(), uids, maxBytes, listed),
    stillThere: async uids => new Set(uids.length === 0 ? [] : await searchThese(selected(), uids)),
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
    for await (const { seq, uid } of wire.client.fetch(String(exists), { uid: true }))
      if (seq === exists && isUid(uid)) last = uid
  })
  // Any line may name any UID.
  return last !== undefined && (await searchThese(wire, [last])).includes(last) ? last + 1 : undefined
}

type Listed = Map<number, MessageMeta>

/** In a mailbox of more mails not all UIDs are asked for at once, but so many at first. */
const firstSpan = 100_000
const longestSpan = 400_000
/** More UIDs are not taken from one answer. */
const maxUids = 500_000

/** UIDs from `firstUid` on, ascending: all of them, or in a large mailbox at least one where there is any. */
async function searchFrom(wire: Wire, firstUid: number, uidNext: number | null): Promise<number[]> {
  if (existsIn(wire) <= firstSpan || uidNext === null) return await search(wire, { uid: `${firstUid}:*` }, firstUid)
  let span = firstSpan
  for (let from = firstUid; from + span < uidNext; span = Math.min(span * 2, longestSpan)) {
    const found = await search(wire, { uid: `${from}:${from + span - 1}` }, from)
    if (found.length > 0) return found
    from += span
  }
  return await search(wire, { uid: `${Math.max(firstUid, uidNext - span)}:*` }, firstUid)
}

async function searchThese(wire: Wire, uids: readonly number[]): Promise<number[]> {
  const wanted = new Set(uids)
  return (await search(wire, { uid: toSet(uids) }, 1)).filter(uid => wanted.has(uid))
}

/** Some servers answer NO to the search of an empty mailbox, and old ones know no UID as a criterion. */
async function search(wire: Wire, query: { uid: string } | { since: Date }, firstUid: number): Promise<number[]> {
  if (existsIn(wire) === 0) return []
  const bounds = boundsOfSearch(wire)
  const ask = (criteria: object) => wire.run('SEARCH', () => wire.client.search(criteria, { uid: true }), bounds)
  const found = (await ask(query)) || (await searchOtherwise(wire, query, ask, bounds))
  if (!Array.isArray(found)) throw wire.refusal('SEARCH')
  return [...new Set(found)].filter(uid => uid >= firstUid).sort((a, b) => a - b)
}

/** All UIDs, by SEARCH or by FETCH of all sequence numbers; not where the server is merely in trouble. */
async function searchOtherwise<T>(
  wire: Wire,
  query: object,
  ask: (criteria: object) => Promise<T>,
  bounds: Partial<Bounds>,
): Promise<T | number[]> {
  const refusal = wire.refusal('SEARCH')
  if (!('uid' in query) || !(refusal instanceof AccountError) || refusal.code !== 'imap.refused') throw refusal
  return (await ask({ seq: '1:*' })) || (await uidsBySequence(wire, bounds))
}

/** What every server can do that cannot search by UID: tell the UIDs of all sequence numbers. */
async function uidsBySequence(wire: Wire, bounds: Partial<Bounds>): Promise<number[]> {
  const uids: number[] = []
  await wire.run(
    'FETCH',
    async () => {
      for await (const { uid } of wire.client.fetch('1:*', { uid: true })) if (isUid(uid)) uids.push(uid)
      return true
    },
    { ...bounds, lines: bounds.numbers ?? ordinary.lines },
  )
  return uids
}

function existsIn({ client }: Wire): number {
  return client.mailbox ? toCount(client.mailbox.exists) : 0
}

/** There cannot be more than the mailbox holds; a few may arrive meanwhile. */
function boundsOfSearch(wire: Wire): Partial<Bounds> {
  const numbers = Math.min(maxUids, 2 * existsIn(wire) + ordinary.numbers)
  return { numbers, lineBytes: Math.max(ordinary.lineBytes, numbers * digitsOfUid) }
}

/** With the space before it. */
const digitsOfUid = 11

function isUid(uid: unknown): uid is number {
  return typeof uid === 'number' && uid >= 1 && uid <= maxUid
}

function withHugeUid({ accountId }: Wire): AccountError {
  return new AccountError('imap.uid_invalid', { account: accountId }, { temporary: true })
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
  if (existsIn(wire) === 0 && last === undefined) return []
  const found = new Set(uids)
  const rows = new Map<number, FetchMessageObject>(uids.map(uid => [uid, { uid } as FetchMessageObject]))
  const isAskedFor = (uid: number) => isUid(uid) && uid >= firstUid && uid <= (last ?? maxUid)
  const list = async () => {
    const query = { uid: true, size: true, internalDate: true }
    for await (const row of wire.client.fetch(`${firstUid}:${last ?? '*'}`, query, { uid: true })) {
      // The answer for one mail may come in parts, and flags that others change are told in between.
      if (isAskedFor(row.uid)) rows.set(row.uid, { ...rows.get(row.uid), ...row })
      else if (row.uid > maxUid) wire.answers.noteHugeUid()
      if (rows.size > maxUids) throw moreThanAsked()
    }
  }
  await wire.run('FETCH', list, { lines: ordinary.lines + 2 * uids.length })
  const isThere = ({ uid, size }: FetchMessageObject): boolean => {
    const ways = Number(found.has(uid)) + Number(size !== undefined)
    return ways === 2 || (ways === 1 && uidNext !== null && uid < uidNext)
  }
  return [...rows.values()]
    .filter(isThere)
    .map(toMeta)
    .sort((a, b) => a.uid - b.uid)
}

function moreThanAsked(): Error {
  return Object.assign(new Error('more mails than were asked for'), { code: 'AnswerTooLarge' })
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
    await wire.run('NOOP', () => wire.client.noop()).catch(() => {})
  }
  return await wait
}

async function fetchSizes(wire: Wire, uids: readonly number[]): Promise<Map<number, number>> {
  const found = new Map<number, number>()
  if (uids.length === 0) return found
  const wanted = new Set(uids)
  const list = async () => {
    for await (const { uid, size } of wire.client.fetch(toSet(uids), { uid: true, size: true }, { uid: true }))
      if (size !== undefined && wanted.has(uid)) found.set(uid, toCount(size))
  }
  await wire.run('FETCH', list, { lines: ordinary.lines + 2 * uids.length })
  return found
}

const notTold = new Date(0)

function toMeta({ uid, size, internalDate }: FetchMessageObject): MessageMeta {
  return { uid, size: toCount(size), receivedAt: toDate(internalDate) ?? notTold }
}

async function* fetchMails(
  wire: Wire,
  uids: readonly number[],
  maxBytes: number,
  listed: Listed,
): AsyncIterable<FetchedMessage> {
  const whole = uids.filter(uid => (listed.get(uid)?.size ?? 0) <= maxBytes)
  const oversize = uids.filter(uid => (listed.get(uid)?.size ?? 0) > maxBytes)
  if (whole.length > 0) yield* fetchPart(wire, whole, 'source', listed)
  if (oversize.length > 0) yield* fetchPart(wire, oversize, 'headers', listed)
}

async function* fetchPart(
  wire: Wire,
  uids: readonly number[],
  part: 'source' | 'headers',
  listed: Listed,
): AsyncIterable<FetchedMessage> {
  const wanted = new Set(uids)
  const query = { uid: true, size: true, internalDate: true, [part]: true }
  const bounds = boundsOfMails(wire, uids, listed)
  using expected = wire.expectMail(part === 'source' ? bounds : { ...bounds, reserved: 0 })
  try {
    for await (const row of wire.client.fetch(toSet(uids), query, { uid: true })) {
      const source: unknown = row[part]
      // NIL (`null` or `false` here): the server does not send it, or somebody else removed it meanwhile. It did not come.
      if (!Buffer.isBuffer(source) || !wanted.delete(row.uid)) continue
      expected.isHeld = expected.hasCome = true
      yield { ...toFetched(row, source, listed.get(row.uid)), source, complete: part === 'source' }
      expected.isHeld = false
    }
  } catch (error) {
    throw wire.toError(error, 'FETCH')
  }
}

/** INTERNALDATE may be missing here, or everywhere: then the listing's counts, the mail's own date, or the present. */
function toFetched(row: FetchMessageObject, source: Buffer, listed: MessageMeta | undefined): MessageMeta {
  const meta = toMeta(row)
  const told = [meta.receivedAt, listed?.receivedAt].find(date => date !== undefined && date.getTime() > 0)
  const receivedAt = told ?? dateIn(source) ?? new Date()
  return { uid: meta.uid, size: Math.max(meta.size, listed?.size ?? 0), receivedAt }
}

/**
 * The bounds of a fetch: twice the bytes that the server stated, because some servers understate sizes, plus one mail of the largest size that is
 * allowed, and one more for each mail without a stated size.
 */
function boundsOfMails({ maxLiteralBytes }: Wire, uids: readonly number[], listed: Listed): Partial<Bounds> {
  const stated = uids.reduce((sum, uid) => sum + Math.min(listed.get(uid)?.size ?? 0, maxLiteralBytes), 0)
  const unstated = uids.filter(uid => !listed.get(uid)?.size).length
  const bytes = 2 * stated + (1 + unstated) * maxLiteralBytes + ordinary.bytes
  return { literalBytes: maxLiteralBytes, bytes, lines: ordinary.lines + 2 * uids.length, reserved: stated }
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
    const answer = await wire.run(during, () => command(toSet(left)), { numbers: ordinary.numbers + 2 * left.length })
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
  return await searchThese(wire, uids)
}

/** Without UIDPLUS, EXPUNGE would take other people's deletions along: the mail stays, marked. */
async function remove(wire: Wire, set: string): Promise<null> {
  const { client } = wire
  if (client.capabilities.has('UIDPLUS'))
    return await done(wire, 'EXPUNGE', () => client.messageDelete(set, { uid: true }))
  return await done(wire, 'STORE', () => client.messageFlagsAdd(set, ['\\Deleted'], { uid: true, silent: true }))
}
