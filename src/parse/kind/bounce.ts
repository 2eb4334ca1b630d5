// What a delivery report says: failed recipients and status codes (RFC 3464, RFC 3463, RFC 6533), from its delivery-status part, or from
// the words of servers that write none. Who was reached, or may still be, has not failed: a
// report with fields does not name them, and one of words alone says that it tells of a delay. The copy of the original mail is looked at last, and only for whom it was sent to.

import type { Bounce } from '../../model/parsed-message.ts'
import { decodeBody, findParts, leavesOf, type Part } from '../mime/boundary-scan.ts'
import { decodeText, type Headers, parseHeaders } from '../mime/headers.ts'
import { explanationOf, type ReportOutcome, tellsOfDelay } from './classify.ts'
import { copies } from './original.ts'

const maxRecipients = 100

/** The worst that a delivery-status part tells of; null if there is no such part, or it tells nothing. */
export function outcomeOf(source: Buffer, root: Part): ReportOutcome | null {
  return worstOf(groupsOf(source, root, ''))
}

/**
 * Recipients and statuses of a report. Of its fields only a failure names somebody; where there are only words, they name whom they are
 * about. `text` is the mail's text.
 */
export function readBounce(source: Buffer, root: Part, text: string): Bounce {
  const words = explanationOf(text).replaceAll('\\"', '"')
  const own = groupsOf(source, root, text)
  const groups = own.length > 0 ? own : groupsWithin(source, root)
  const worst = worstOf(groups)
  const told = groups.filter(group => actionOf(group) === worst)
  const reported = told.flatMap(statusesOfReport)
  const spoken = reported.some(isSpecific) ? [] : statusesIn(words)
  const statuses = spoken.length > 0 ? spoken : reported
  const recipients = worst === null || worst === 'failed' ? recipientsIn(source, root, told, words, text) : []
  const delayed = worst === 'delayed' || (worst === null && tellsOfDelay(words))
  return { recipients: upTo(recipients), statuses: upTo(statuses), delayed }
}

function recipientsIn(source: Buffer, root: Part, failed: readonly Headers[], words: string, text: string): string[] {
  const header = root.headers.first('x-failed-recipients').split(',').map(bareAddress)
  const certain = [...failed.flatMap(recipientsOf), ...header].filter(address => address !== '')
  return certain.length > 0 ? certain : fromWords(source, root, words, text)
}

function worstOf(groups: readonly Headers[]): ReportOutcome | null {
  const outcomes = new Set(groups.map(actionOf))
  return (['failed', 'delayed', 'delivered'] as const).find(outcome => outcomes.has(outcome)) ?? null
}

/** RFC 3464 §2.3.3. Without a word that is known the status decides (RFC 3463: 2 is a success). */
function actionOf(group: Headers): ReportOutcome {
  const [, action = ''] = /([a-z-]+)/.exec(withoutComments(group.first('action')).toLowerCase()) ?? []
  if (/^(deliver|relay|expand|success)/.test(action)) return 'delivered'
  if (/^(delay|defer|warn|retry|queue)/.test(action)) return 'delayed'
  return action === '' && /^\s*2\.\d/.test(group.first('status')) ? 'delivered' : 'failed'
}

function withoutComments(text: string): string {
  return text.slice(0, 1_000).replace(/\([^()]*\)/g, ' ')
}

function upTo(values: readonly string[]): string[] {
  return [...new Set(values)].slice(0, maxRecipients)
}

const statusPart = /^message\/(global-)?delivery-status$/

/** The per-recipient groups of fields of the reports, wherever they stand. */
function groupsOf(source: Buffer, root: Part, text: string): Headers[] {
  const parts = leavesOf(root).filter(leaf => statusPart.test(leaf.type.value))
  const reports = parts.map(part => decodeBody(source.subarray(part.start, part.end), part.encoding))
  if (parts.length === 0 && /^(final|original)-recipient\s*:/im.test(text)) reports.push(Buffer.from(text))
  return reports
    .flatMap(report => report.toString('latin1').split(/\r?\n[ \t]*\r?\n/))
    .slice(0, 1_000)
    .map(group => parseHeaders(Buffer.from(group.replace(/^\s*\n/, ''), 'latin1')))
    .filter(group => ['final-recipient', 'original-recipient', 'status'].some(name => group.first(name) !== ''))
}

/** Of a report that a gateway has packed into one of its own. */
function groupsWithin(source: Buffer, root: Part): Headers[] {
  const inner = leavesOf(root).find(leaf => /^message\/(rfc822|global)$/.test(leaf.type.value))
  if (inner === undefined) return []
  const mail = decodeBody(source.subarray(inner.start, inner.end), inner.encoding)
  const tree = findParts(mail)
  return tree.type.value === 'multipart/report' ? groupsOf(mail, tree, '') : []
}

/** The address that the sender wrote to, as far as the report knows it; what it became on the way is nobody to him. */
function recipientsOf(group: Headers): string[] {
  const names = ['original-recipient', 'final-recipient', 'x-actual-recipient']
  const named = names.map(name => typedAddress(group.first(name))).find(found => found !== '')
  return named === undefined ? [] : [named]
}

/**
 * `rfc822; anna@example.org`, in lower case. RFC 6533 §3: `utf-8; anna@bücher.example`, whose letters may be written as `\x{FC}`. RFC 3461
 * §4: `+2B` and `+3D` in what the sender named stand for `+` and `=`.
 */
function typedAddress(raw: string): string {
  const [, type = '', text = ''] = /^\s*(?:([\w-]+)\s*;)?([\s\S]*)$/.exec(decodeText(raw)) ?? []
  const plain = /^utf-?8/i.test(type)
    ? text.replace(/\\x\{([0-9a-f]{1,6})\}/gi, (whole, hex: string) => letterOf(hex) ?? whole)
    : text.replace(/\+2B/g, '+').replace(/\+3D/g, '=')
  return bareAddress(plain)
}

function letterOf(hex: string): string | undefined {
  const code = Number.parseInt(hex, 16)
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined
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
  const [found = ''] =
    /(?:"(?:[^"\\]|\\.){1,128}"|[^\s<>"(),;:[\]@]{1,128})@(?:[^\s<>"'(),;:[\]@]{1,253}|\[[\w.:]{1,60}\])/.exec(
      text.slice(0, 10_000),
    ) ?? []
  return found.replace(/^'/, '').replace(/\.+$/, '').toLowerCase()
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
  const part = leavesOf(root).find(leaf => copies.test(leaf.type.value))
  const bytes =
    part === undefined ? Buffer.from(rest, 'latin1') : decodeBody(source.subarray(part.start, part.end), part.encoding)
  return bytes.length === 0 ? undefined : parseHeaders(bytes.subarray(0, 65_536))
}
