// What a delivery report says: failed recipients and status codes (RFC 3464, RFC 3463), from its delivery-status part, or from
// the words of servers that write none. The copy of the original mail is looked at last, and only for whom it was sent to.
import { explanationOf } from './bounce-evidence.ts'
import { type Headers, parseHeaders } from './headers.ts'
import type { Bounce } from './parsed-message.ts'
import { decodeBody, findParts, leavesOf, type Part } from './skeleton.ts'

const maxRecipients = 100

/** Recipients and statuses of a report. `text` is the mail's text. */
export function readBounce(source: Buffer, root: Part, text: string): Bounce {
  const words = explanationOf(text).replaceAll('\\"', '"')
  const own = failedIn(source, root, text)
  const failed = own.length > 0 ? own : failedWithin(source, root)
  const named = failed.flatMap(recipientsOf)
  const header = root.headers.first('x-failed-recipients').split(',').map(bareAddress)
  const certain = [...named, ...header].filter(address => address !== '')
  const recipients = certain.length > 0 ? certain : fromWords(source, root, words, text)
  const reported = failed.flatMap(statusesOfReport)
  const spoken = reported.some(isSpecific) ? [] : statusesIn(words)
  const statuses = spoken.length > 0 ? spoken : reported
  return { recipients: upTo(recipients), statuses: upTo(statuses) }
}

function upTo(values: readonly string[]): string[] {
  return [...new Set(values)].slice(0, maxRecipients)
}

const statusPart = /^message\/(global-)?delivery-status$/

/** The per-recipient groups of fields that tell of a failure or a delay, wherever they stand. */
function failedIn(source: Buffer, root: Part, text: string): Headers[] {
  const parts = leavesOf(root).filter(leaf => statusPart.test(leaf.type.value))
  const reports = parts.map(part => decodeBody(source.subarray(part.start, part.end), part.encoding))
  if (parts.length === 0 && /^(final|original)-recipient\s*:/im.test(text)) reports.push(Buffer.from(text, 'latin1'))
  const groups = reports
    .flatMap(report => report.toString('latin1').split(/\r?\n[ \t]*\r?\n/))
    .slice(0, 1_000)
    .map(group => parseHeaders(Buffer.from(group.replace(/^\s*\n/, ''), 'latin1')))
    .filter(
      group =>
        group.first('final-recipient') !== '' ||
        group.first('original-recipient') !== '' ||
        group.first('status') !== '',
    )
  const failed = groups.filter(group => !/^\s*(delivered|relayed|expanded)\b/i.test(group.first('action')))
  return failed.length > 0 ? failed : groups
}

/** Of a report that a gateway has packed into one of its own. */
function failedWithin(source: Buffer, root: Part): Headers[] {
  const inner = leavesOf(root).find(leaf => leaf.type.value === 'message/rfc822')
  if (inner === undefined) return []
  const mail = decodeBody(source.subarray(inner.start, inner.end), inner.encoding)
  const tree = findParts(mail)
  return tree.type.value === 'multipart/report' ? failedIn(mail, tree, '') : []
}

function recipientsOf(group: Headers): string[] {
  const [final = '', original = '', actual = ''] = ['final-recipient', 'original-recipient', 'x-actual-recipient'].map(
    name => bareAddress(group.first(name).replace(/^[\w-]+\s*;/, '')),
  )
  const named = [final, original].filter(found => found !== '')
  return named.length > 0 || actual === '' ? named : [actual]
}

const statusCode = /(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)/

/** The status and what the other server said; the general ones only where there is nothing better. */
function statusesOfReport(group: Headers): string[] {
  const [, status] = statusCode.exec(group.first('status')) ?? []
  const all = [...(status === undefined ? [] : [status]), ...statusesIn(group.first('diagnostic-code'))]
  return all.some(isSpecific) ? all.filter(isSpecific) : all
}

function isSpecific(status: string): boolean {
  return !status.endsWith('.0.0')
}

/** Codes after a reply of SMTP, in brackets, or named as status. */
function statusesIn(words: string): string[] {
  const found = words.matchAll(
    /(?:\b[245]\d\d[: -]+[#('"]?|[#([]|\b(?:status|error)(?:[ _]?code)?\s?[:=]?\s*#?|^\s*|;\s*)([45]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)/gim,
  )
  const codes = [...found].map(([, code = '']) => code)
  return codes.some(isSpecific) ? codes.filter(isSpecific) : codes
}

function bareAddress(text: string): string {
  return (/[^\s<>"'(),;:[\]]{1,128}@[^\s<>"'(),;:[\]]{1,253}/.exec(text.slice(0, 10_000))?.[0] ?? '')
    .replace(/\.+$/, '')
    .toLowerCase()
}

const address = String.raw`[^\s<>"'(),;:[\]@]{1,128}@[^\s<>"'(),;:[\]@]{0,252}[^\s<>"'(),;:[\]@.]`

/** Where servers name whom they could not reach, the surest first. */
const places: readonly RegExp[] = [
  new RegExp(`"emailAddress"\\s*:\\s*"(${address})"`, 'g'),
  new RegExp(
    `^[ \\t]*(?:failed |original |intended |invalid |final |bad )?(?:recipient|addressee|e-?mail address|to)(?:'s|\\(s\\)|s)?(?: address)?[ \\t]*[:=][ \\t]*(?:rfc822;|smtp:)?[ \\t]*<?(${address})`,
    'gim',
  ),
  new RegExp(`^[ \\t>]*<(${address})>`, 'gm'),
  new RegExp(`^[ \\t>*-]*(${address})[ \\t]*(?:$|[:;,([]|\\.\\.\\.|-|on )`, 'gm'),
  new RegExp(`(?:\\brcpt to:[ \\t]*<?|^[ \\t>]*[45]\\d\\d[ -](?:[45]\\.\\d\\.\\d+ )?<?)(${address})`, 'gim'),
  new RegExp(
    `(?:recipient|address|mailbox|user|account|deliver\\w*|sent|reach\\w*|send|for|to)\\b[^\\n@]{0,60}?[\\s<"'(:;](${address})`,
    'gi',
  ),
  new RegExp(`[<"'(](${address})[>"')]`, 'g'),
  new RegExp(`(${address})`, 'g'),
]

/** Addresses in the explanation that are neither the sender of the mail nor a server; else those that the original was sent to. */
function fromWords(source: Buffer, root: Part, words: string, text: string): string[] {
  const own = new Set(
    ['to', 'from', 'return-path', 'reply-to', 'delivered-to'].map(name => bareAddress(root.headers.first(name))),
  )
  for (const place of places) {
    const found = [...words.matchAll(place)].map(([, value = '']) => value.toLowerCase())
    const others = found.filter(value => !own.has(value) && !/^(mailer-daemon|postmaster|abuse)@/.test(value))
    if (others.length > 0) return others
  }
  const original = originalHeaders(source, root, text.slice(explanationOf(text).length))
  return addressesIn(original?.first('x-original-to') || original?.first('to') || '')
}

function addressesIn(field: string): string[] {
  return [...field.matchAll(new RegExp(address, 'g'))].map(([value]) => value.toLowerCase())
}

function originalHeaders(source: Buffer, root: Part, rest: string): Headers | undefined {
  const part = leavesOf(root).find(leaf => /^(message\/(rfc822|global)|text\/rfc822-headers)$/.test(leaf.type.value))
  const bytes =
    part === undefined ? Buffer.from(rest, 'latin1') : decodeBody(source.subarray(part.start, part.end), part.encoding)
  return bytes.length === 0 ? undefined : parseHeaders(bytes.subarray(0, 65_536))
}
