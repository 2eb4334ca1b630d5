// How tickets and mails are called on their pages. What a mail fills stands in <bdi>: its direction is its own.
import type { Address, HtmlFlag, Kind } from '../../../model/parsed-message.ts'
import type { SenderVerdict } from '../../../model/sender-verdict.ts'
import { type Content, type Html, html } from '../../layout/html.ts'
import { badge, type Tone } from '../../layout/parts.ts'
import { plainLine } from './download-headers.ts'

interface KindWords {
  /** In a filter. */
  many: string
  /** On one mail. */
  one: string
  tone: Tone
}

export const kindWords: Readonly<Record<Kind, KindWords>> = {
  human: { many: 'From people', one: 'from a person', tone: 'plain' },
  'auto-generated': { many: 'Automatic', one: 'automatic', tone: 'plain' },
  'auto-reply': { many: 'Auto-replies', one: 'auto-reply', tone: 'warn' },
  bounce: { many: 'Bounces', one: 'bounce', tone: 'bad' },
  'feedback-report': { many: 'Spam complaints', one: 'spam complaint', tone: 'bad' },
  list: { many: 'Mailing lists', one: 'mailing list', tone: 'plain' },
  loop: { many: 'Loops', one: 'loop', tone: 'warn' },
}

/** A kind of the list, or undefined. */
export function toKind(text: string | undefined): Kind | undefined {
  return text !== undefined && Object.hasOwn(kindWords, text) ? (text as Kind) : undefined
}

/** Nothing for what people write. */
export function kindBadge(kind: Kind): Content {
  return kind !== 'human' && badge(kindWords[kind].one, kindWords[kind].tone)
}

/** Only for a sender that fails: what passes is as everybody expects. */
export function senderWarning(sender: SenderVerdict | null): Content {
  if (sender?.verdict !== 'fail') return null
  const who = sender.from === null ? 'its sender' : plainLine(sender.from)
  return html`<p class="flash warn">This message may not be from <bdi>${who}</bdi>: your mail server could not confirm the sender (${
    sender.method === 'dmarc' ? 'DMARC failed' : 'the signature of the domain is broken'
  }). Check before you act on it.</p>`
}

export function subjectOf(subject: string): string {
  return plainLine(subject) || '(no subject)'
}

/** The name, and the address with it: a name alone proves nothing. */
export function person({ name, address }: Address): Html {
  const [shownName, shownAddress] = [plainLine(name), plainLine(address)]
  if (shownName === '' || shownName === shownAddress) return html`<bdi>${shownAddress || '(unknown)'}</bdi>`
  return html`<bdi>${shownName}</bdi> <small class="address"><bdi>${shownAddress}</bdi></small>`
}

const maxPeople = 20

export function people(addresses: readonly Address[]): Content {
  const shown = addresses.slice(0, maxPeople).map((address, i) => [i > 0 && ', ', person(address)])
  return [shown, addresses.length > maxPeople && ` and ${addresses.length - maxPeople} more`]
}

export const flagWords: Readonly<Record<HtmlFlag, string>> = {
  'active-content': 'This message contained scripts or other active content, which was removed.',
  form: 'This message contained a form, which was removed. Never enter a password into a form in an email.',
  'hidden-text': 'This message contains hidden text.',
  'link-text-differs': 'A link shows one host name but leads to another.',
  'link-lookalike': 'A link leads to a host name with look-alike letters.',
  'link-userinfo': 'A link starts with something that looks like a host name but is not one.',
  'too-large': 'Only the beginning is shown; download the original for the rest.',
  'too-deep': 'Its structure is too deep to show in full; download the original for the rest.',
}

/** `12.3 kB` */
export function sizeOf(bytes: number): string {
  if (bytes < 1_000) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  const [value, unit] = bytes < 999_950 ? [bytes / 1_000, 'kB'] : [bytes / 1_000_000, 'MB']
  return `${value.toFixed(1)} ${unit}`
}
