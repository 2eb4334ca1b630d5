// What a delivery report says: failed recipients and status codes (RFC 3464, RFC 3463), from its delivery-status part, or from
// the words of servers that write none.
import type { Bounce } from './parsed-message.ts'
import { decodeBody, leavesOf, type Part } from './skeleton.ts'

const maxRecipients = 100

/** Recipients and statuses of a report. `text` is the mail's text. */
export function readBounce(source: Buffer, root: Part, text: string): Bounce {
  const status = leavesOf(root).find(leaf => /^message\/(global-)?delivery-status$/.test(leaf.type.value))
  const report =
    status === undefined
      ? ''
      : decodeBody(source.subarray(status.start, status.end), status.encoding).toString('latin1')
  const original = fieldsOf(report, /^original-recipient:\s*(?:rfc822|utf-8)\s*;\s*(.+)$/gim)
  const final = fieldsOf(report, /^final-recipient:\s*(?:[\w-]+\s*;)?\s*(.+)$/gim)
  const header = root.headers.first('x-failed-recipients').split(',')
  const recipients = [...final, ...original, ...header, ...(final.length === 0 ? fromWords(text) : [])].map(bareAddress)
  const statuses = [
    ...fieldsOf(report, /^status:\s*([245]\.\d{1,3}\.\d{1,3})/gim),
    ...(report === '' ? statusesOf(text) : []),
  ]
  return {
    recipients: [...new Set(recipients.filter(address => address.includes('@')))].slice(0, maxRecipients),
    statuses: [...new Set(statuses)].slice(0, maxRecipients),
  }
}

function fieldsOf(text: string, field: RegExp): string[] {
  return [...text.matchAll(field)].map(([, value = '']) => value.trim())
}

function bareAddress(text: string): string {
  return (/[^\s<>"'(),;:]+@[^\s<>"'(),;:]+/.exec(text)?.[0] ?? '').replace(/\.$/, '').toLowerCase()
}

/** Addresses that stand on lines of their own, or after RCPT TO, in the first lines of the explanation. */
function fromWords(text: string): string[] {
  const head = text.slice(0, 20_000)
  const named = [
    ...head.matchAll(/(?:RCPT TO:|recipient|address|mailbox|user)[^\n<]{0,60}<([^<>\s]+@[^<>\s]+)>/gi),
  ].map(([, found = '']) => found)
  const alone = [...head.matchAll(/^\s*<?([^\s<>:;,]+@[^\s<>:;,]+\.[a-z]{2,})>?\s*[:;]?\s*$/gim)].map(
    ([, found = '']) => found,
  )
  return [...named, ...alone]
}

function statusesOf(text: string): string[] {
  return [...text.slice(0, 20_000).matchAll(/\b[45]\d\d[ -](?:#)?([45]\.\d{1,2}\.\d{1,3})\b|\(#([45]\.\d\.\d)\)/g)].map(
    ([, a, b]) => a ?? b ?? '',
  )
}
