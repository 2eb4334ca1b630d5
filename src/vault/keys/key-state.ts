// PURE. Which states of keys this host believes. A row of the database is a request and no authority: it counts where it carries a MAC
// under its key, is not older than what this host has seen before, and asks for nothing that the files of this host contradict. What was
// made up or rolled back is named, and what this host has seen last holds in its place. Rows that never were signed (written by 0.3.0) are
// taken once, where nothing is lost by it.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { KeyRow, KeyState } from '../../store/secrets/encryption-keys.ts'
import type { Key } from '../secrets/envelope.ts'
import { opensCanary } from './canary.ts'

/** What this host has seen of a key; kept in its data directory. */
export interface SeenState {
  epoch: number
  state: KeyState
  /** It had sealed everything once. */
  completed: boolean
}

/** The keys of this host, by where they lie. */
export interface HeldKeys {
  find(keyHex: string): Key | undefined
  /** Ids of `encryption-key.bin` and `encryption-key.next.bin`. */
  current: string | undefined
  next: string | undefined
}

/** What the database says of a key and this host does not believe. */
export interface Forgery {
  /**
   * `altered`: not signed, or otherwise than it says. `older`: signed, and not the last that this host has seen. `missing`: the row of a
   * key in use has gone. `unproven`: never signed, and this host's files say otherwise. `other-key`: another key than those in their
   * places is to be used. `unsealing`: turning off was asked for by a line in `settings` alone.
   */
  kind: 'altered' | 'older' | 'missing' | 'unproven' | 'other-key' | 'unsealing'
  keyHex: string
  /** What the row says; null: there is none. */
  says: KeyState | null
  /** What holds here in its place; null: nothing is known. */
  holds: KeyState | null
}

/** A key with the state that holds on this host. */
export interface BelievedKey {
  keyHex: string
  state: KeyState
  /** It had sealed everything once; when, where the row tells it. */
  completed: boolean
  completedAt: Date | null
  backupProvenAt: Date | null
  /** When turning encryption off was asked for. */
  unsealingAt: Date | null
}

export interface Judgement {
  keys: BelievedKey[]
  forgeries: Forgery[]
  /** States to remember: signed, and newer than what was seen before. */
  news: Map<string, SeenState>
  /** Keys of 0.3.0 that are believed and are to be signed. */
  unsigned: string[]
  /** A rotation to this key is said to be under way, and it is not here: nothing is sealed under it by this host. */
  foreignNext: string | undefined
}

/** The MAC of a row under its key. */
export function macOf(key: Key, row: Omit<KeyRow, 'mac' | 'adoptedAt'>): Buffer {
  const subKey = Buffer.from(hkdfSync('sha256', key.material, Buffer.alloc(0), 'letterlock/v1/key-state', 32))
  const time = (at: Date | null): string => (at === null ? '' : String(at.getTime()))
  const parts = [
    row.keyHex,
    row.state,
    String(row.epoch),
    time(row.completedAt),
    time(row.backupProvenAt),
    time(row.unsealingAt),
    row.canary.toString('hex'),
  ]
  const mac = createHmac('sha256', subKey).update(parts.join('\n')).digest()
  subKey.fill(0)
  return mac
}

/** True if the row is as it was signed under its key. */
export function isSigned(key: Key, row: KeyRow): boolean {
  if (row.mac === null || !Number.isSafeInteger(row.epoch) || row.epoch < 1) return false
  const mac = macOf(key, row)
  return mac.length === row.mac.length && timingSafeEqual(mac, row.mac)
}

/** What this host believes of the rows. `asked`: the value of the setting `encryption_unsealing`. */
export function judgeKeys(
  rows: readonly KeyRow[],
  held: HeldKeys,
  seen: ReadonlyMap<string, SeenState>,
  asked: string | undefined,
): Judgement {
  const judged: Judgement = { keys: [], forgeries: [], news: new Map(), unsigned: [], foreignNext: undefined }
  const own = rows.filter(row => held.find(row.keyHex) !== undefined)
  for (const row of own) judgeHeld(judged, row, held, seen.get(row.keyHex), rows)
  for (const [keyHex, last] of seen) {
    if (held.find(keyHex) === undefined || rows.some(row => row.keyHex === keyHex)) continue
    // Only of a key in use its row is missed: an older database knows nothing of keys that were given up since.
    if (inUse.has(last.state)) judged.forgeries.push({ kind: 'missing', keyHex, says: null, holds: last.state })
    judged.keys.push(fromMemory(keyHex, last))
  }
  refuseOtherKeys(judged, held)
  for (const row of rows) if (!own.includes(row)) judgeForeign(judged, row, seen.get(row.keyHex))
  judgeAway(judged, rows, held, seen)
  const active = judged.keys.find(key => key.state === 'active')
  if (asked !== undefined && active !== undefined && active.unsealingAt === null)
    judged.forgeries.push({ kind: 'unsealing', keyHex: asked, says: null, holds: null })
  return judged
}

function fromMemory(keyHex: string, { state, completed }: SeenState): BelievedKey {
  return { keyHex, state, completed, completedAt: null, backupProvenAt: null, unsealingAt: null }
}

function fromRow({ keyHex, state, completedAt, backupProvenAt, unsealingAt }: KeyRow): BelievedKey {
  return { keyHex, state, completed: completedAt !== null, completedAt, backupProvenAt, unsealingAt }
}

/** A row whose key lies on this host. */
function judgeHeld(
  judged: Judgement,
  row: KeyRow,
  held: HeldKeys,
  seen: SeenState | undefined,
  rows: readonly KeyRow[],
): void {
  const fault = faultOf(row, held, seen, rows)
  if (fault !== undefined) {
    judged.forgeries.push({ kind: fault, keyHex: row.keyHex, says: row.state, holds: seen?.state ?? null })
    if (seen !== undefined) judged.keys.push(fromMemory(row.keyHex, seen))
    return
  }
  if (row.mac !== null) {
    judged.keys.push(fromRow(row))
    if (seen?.epoch !== row.epoch) judged.news.set(row.keyHex, seenOf(row))
    return
  }
  judged.keys.push({ ...fromRow(row), unsealingAt: null })
  // One in use that lies elsewhere locks, as ever; it is signed when it is in its place.
  if (!inUse.has(row.state) || row.keyHex === held.current || row.keyHex === held.next) judged.unsigned.push(row.keyHex)
}

/** Why a row whose key lies here is not believed. */
function faultOf(
  row: KeyRow,
  held: HeldKeys,
  seen: SeenState | undefined,
  rows: readonly KeyRow[],
): Forgery['kind'] | undefined {
  const key = held.find(row.keyHex) as Key
  if (isSigned(key, row)) return seen !== undefined && isOlder(row, seen) ? 'older' : undefined
  if (row.mac !== null || row.epoch !== 0 || seen !== undefined) return 'altered'
  return isHarmless(row, key, held, rows) ? undefined : 'unproven'
}

/** What is remembered of a row that is believed. */
export function seenOf({ epoch, state, completedAt }: Pick<KeyRow, 'epoch' | 'state' | 'completedAt'>): SeenState {
  return { epoch, state, completed: completedAt !== null }
}

const inUse: ReadonlySet<KeyState> = new Set(['active', 'next'])

/** A key that was given up comes back into use only where a person says so on this host. */
function isOlder(row: KeyRow, seen: SeenState): boolean {
  if (row.epoch < seen.epoch || (row.epoch === seen.epoch && row.state !== seen.state)) return true
  return inUse.has(row.state) && !inUse.has(seen.state)
}

/** A row that 0.3.0 wrote: it may say of a key in its place that it is in use, and of any other that it is not. */
function isHarmless(row: KeyRow, key: Key, { current, next }: HeldKeys, rows: readonly KeyRow[]): boolean {
  if (inUse.has(row.state)) return opensCanary(key, row)
  if (row.keyHex !== current) return true
  // A rotation that is through, and whose files are still to be moved.
  return row.state === 'retired' && rows.some(other => other.state === 'active' && other.keyHex === next)
}

/** Nothing is sealed under a key that is neither the key file nor the next one, whoever signed it: a retired key may have leaked. */
function refuseOtherKeys(judged: Judgement, { current, next }: HeldKeys): void {
  const inPlace = judged.keys.some(key => key.state === 'active' && key.keyHex === current)
    ? current
    : judged.keys.find(key => key.state === 'active' && key.keyHex === next)?.keyHex
  const isOther = ({ keyHex, state }: BelievedKey): boolean =>
    (state === 'active' && inPlace !== undefined && keyHex !== inPlace) ||
    (state === 'next' && keyHex !== next && keyHex !== current)
  for (const { keyHex, state } of judged.keys.filter(isOther)) {
    judged.forgeries.push({ kind: 'other-key', keyHex, says: state, holds: null })
    judged.news.delete(keyHex)
  }
  judged.unsigned = judged.unsigned.filter(keyHex => !judged.forgeries.some(forgery => forgery.keyHex === keyHex))
  judged.keys = judged.keys.filter(key => !isOther(key))
}

/** A row whose key is not here: nobody can tell whether it is true. It may lock, and nothing else. */
function judgeForeign(judged: Judgement, row: KeyRow, seen: SeenState | undefined): void {
  const active = judged.keys.find(key => key.state === 'active')
  if (row.state === 'next' && active !== undefined) {
    judged.foreignNext = row.keyHex
    return
  }
  if (row.state === 'active' && active !== undefined) {
    judged.forgeries.push({ kind: 'other-key', keyHex: row.keyHex, says: row.state, holds: null })
    return
  }
  judged.keys.push({ ...fromRow(row), unsealingAt: null })
  // Given up by `recover` on another host, or retired while this one was away: the key that follows it is here and says so.
  if (active !== undefined && seen !== undefined && inUse.has(seen.state) && !inUse.has(row.state))
    judged.news.set(row.keyHex, { ...seen, state: row.state })
}

/** A key in use whose file is away, and of which the database says that it is in use no longer: it stays so until its file is back. */
function judgeAway(
  judged: Judgement,
  rows: readonly KeyRow[],
  held: HeldKeys,
  seen: ReadonlyMap<string, SeenState>,
): void {
  if (judged.keys.some(key => key.state === 'active')) return
  for (const [keyHex, last] of seen) {
    if (last.state !== 'active' || held.find(keyHex) !== undefined) continue
    const row = rows.find(found => found.keyHex === keyHex)
    const kind = row === undefined ? 'missing' : 'altered'
    judged.forgeries.push({ kind, keyHex, says: row?.state ?? null, holds: last.state })
    judged.keys = [...judged.keys.filter(key => key.keyHex !== keyHex), fromMemory(keyHex, last)]
  }
}
