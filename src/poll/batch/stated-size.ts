// PURE. Whether the bytes that came are the mail that the server announced. RFC822.SIZE is exact by RFC 9051 §2.3.4; servers that keep mail with other
// line ends count those, and Exchange states the room that a mail takes in its store. So a body that is shorter than line ends explain did
// not come, unless the server is known to estimate.

/** What counts a mail in: its bytes, and what the server said of their number. */
export interface StatedMail {
  /** RFC822.SIZE; 0: not stated. */
  size: number
  source: Buffer
  /** False for a header alone. */
  complete: boolean
}

/** Where mail is to be deleted, an estimate may be off by so much, or by half of the larger number. */
const estimateSlackBytes = 65_536

/** False for a mail without any byte, and for one that is shorter than its server stated; an estimate proves nothing. */
export function isWhole({ size, source, complete }: StatedMail, estimates: boolean): boolean {
  if (source.length === 0) return false
  return !complete || estimates || compareSize(size, source) !== 'short'
}

/** True if one of these mails is longer than its server stated: only who estimates states too little. */
export function showsEstimates(mails: Iterable<StatedMail>): boolean {
  for (const { size, source, complete } of mails) if (complete && compareSize(size, source) === 'long') return true
  return false
}

/** True if what the server has under a UID can be the mail whose bytes these are: only then may it be deleted there. */
export function isSameSize(stated: number, source: Buffer, estimates: boolean): boolean {
  if (source.length === 0) return false
  return compareSize(stated, source) === 'equal' || (estimates && stated > 0 && isNear(stated, source.length))
}

function isNear(stated: number, length: number): boolean {
  return Math.abs(stated - length) <= Math.max(estimateSlackBytes, Math.max(stated, length) / 2)
}

function compareSize(stated: number, source: Buffer): 'equal' | 'short' | 'long' | 'unstated' {
  if (stated === 0) return 'unstated'
  const absent = stated - source.length
  if (absent === 0) return 'equal'
  if (absent > 0) return absent <= lineEndsOf(source, 'bare') + lastLineEnd(source) ? 'equal' : 'short'
  return -absent <= lineEndsOf(source, 'CRLF') ? 'equal' : 'long'
}

/** Where the last line has no end, a server may have counted one. */
function lastLineEnd(source: Buffer): number {
  return source.at(-1) === lf ? 0 : 2
}

const cr = 0x0d
const lf = 0x0a

/** How many line feeds come without a carriage return, or with one. */
function lineEndsOf(source: Buffer, kind: 'bare' | 'CRLF'): number {
  let count = 0
  for (let at = source.indexOf(lf); at >= 0; at = source.indexOf(lf, at + 1)) {
    if ((source[at - 1] === cr) === (kind === 'CRLF')) count += 1
  }
  return count
}
