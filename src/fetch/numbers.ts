// PURE. Numbers and dates as servers tell them, within what RFC 9051 and our columns hold. UIDs, UIDVALIDITY, UIDNEXT and counts have 32 bits; servers
// with more of them were seen.

/** The highest UID, and the highest count. */
export const maxUid = 2 ** 32 - 1

/** UIDVALIDITY of more than 32 bits is folded: it is only ever compared with itself. */
export function toUidValidity(told: bigint): number {
  const [low, high] = [BigInt.asUintN(32, told), BigInt.asUintN(32, told >> 32n)]
  return Number(low ^ high)
}

/** Null where the server tells none, or one that cannot be. */
export function toUidNext(told: unknown): number | null {
  return typeof told === 'number' && told >= 1 && told <= maxUid ? told : null
}

/** EXISTS or RFC822.SIZE. */
export function toCount(told: unknown): number {
  return typeof told === 'number' && told > 0 ? Math.min(Math.floor(told), maxUid) : 0
}

const [earliest, latest] = [Date.UTC(1971, 0, 1), Date.UTC(2200, 0, 1)]

/** The date, or undefined where it is none at which mail can have come. */
export function toDate(told: unknown): Date | undefined {
  if (typeof told !== 'string' && !(told instanceof Date)) return undefined
  const date = new Date(told)
  return date.getTime() >= earliest && date.getTime() < latest ? date : undefined
}

/** How much of a header is looked at. */
const headerBytes = 65_536

/** The Date field, for a mail of which the server does not tell when it came. */
export function dateIn(source: Buffer): Date | undefined {
  const text = source.toString('latin1', 0, headerBytes)
  const header = text.slice(0, /\r?\n\r?\n/.exec(text)?.index ?? text.length)
  const field = /^date:((?:.*\r?\n[ \t])*.*)$/im.exec(header)?.[1]
  return field === undefined ? undefined : toDate(field.replace(/\([^()]*\)/g, '').trim())
}
