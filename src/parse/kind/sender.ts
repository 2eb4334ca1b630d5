// PURE. Who a mail is from. `fromOf` says what the mail says. `senderOf` says which person it is: a list or a forwarder that puts itself into
// From, so that the mail passes DMARC ("Anna via List <list@…>", RFC 7960 §4.1), is looked through. What it hides the person in differs:
// X-Original-From, Reply-To, X-Original-Sender, Cc, or the address itself (`anna=example.org@…`, `….invalid`). A sender that is no list
// is believed: somebody's Reply-To alone does not make him another.

import type { Address } from '../../model/parsed-message.ts'
import { parseAddresses } from '../mime/addresses.ts'
import type { Headers } from '../mime/headers.ts'

/** From; where that is missing or empty, Sender, Reply-To, Return-Path, or the envelope sender of a mailbox file. */
export function fromOf(headers: Headers, envelope: string, charset: string): Address | null {
  for (const name of ['from', 'sender', 'reply-to', 'return-path']) {
    const found = headers.all(name).flatMap(raw => parseAddresses(raw, charset))
    const whole = found.find(address => address.address.includes('@')) ?? (name === 'from' ? found[0] : undefined)
    if (whole !== undefined && whole.address !== '') return whole
  }
  if (envelope !== '') return { name: '', address: envelope }
  return parseAddresses(headers.first('from'), charset)[0] ?? null
}

/** The person behind `from`; `from` itself where nothing was rewritten. */
export function senderOf(headers: Headers, from: Address | null, charset: string): Address | null {
  if (from === null || !from.address.includes('@')) return from
  const lists = listAddresses(headers)
  if (!isRewritten(headers, from, lists)) return from
  const own = new Set([...lists, from.address.toLowerCase()])
  const read = (name: string) => parseAddresses(headers.first(name), charset)
  const others = (name: string) => read(name).filter(({ address }) => isOther(address, own))
  const replyTo = others('reply-to')
  const [found] = [
    ...others('x-original-from'),
    // Of several it is not told which one wrote.
    ...(replyTo.length === 1 ? replyTo : []),
    ...encodedIn(from.address).map(address => ({ name: '', address })),
    ...others('x-original-sender'),
    ...others('x-mailfrom'),
    ...(lists.size > 0 && others('cc').length === 1 ? others('cc') : []),
  ]
  if (found === undefined) return from
  return { address: found.address, name: found.name || withoutVia(from.name) }
}

/** Addresses of the list that the mail came through. */
function listAddresses(headers: Headers): Set<string> {
  const fields = ['list-post', 'x-beenthere', 'mailing-list', 'x-mailing-list', 'x-google-group-id', 'x-loop']
  const named = fields.flatMap(name => [
    ...headers
      .first(name)
      .slice(0, 2_000)
      .matchAll(/[^\s<>,;:"]{1,64}@[^\s<>,;:"?]{1,255}/g),
  ])
  const [, id] = /<([^<>@\s]{3,255})>/.exec(headers.first('list-id')) ?? []
  const byId = id?.replace(/\./, '@')
  return new Set(
    [...named.map(([address]) => address), ...(byId === undefined ? [] : [byId])].map(a => a.toLowerCase()),
  )
}

const via = /^(.{1,200}?)["']?\s+(?:via|über|através de|por meio de|tramite|через|przez|prin|经由|経由)\s+.{1,100}$/iu

/** From is the list's own, or says that it only passes on. */
function isRewritten(headers: Headers, from: Address, lists: ReadonlySet<string>): boolean {
  const address = from.address.toLowerCase()
  if (lists.has(address) || (lists.size > 0 && encodedIn(address).length > 0)) return true
  if (/\.invalid$/.test(address)) return true
  const originals = ['x-original-from', 'x-original-sender'].flatMap(name => parseAddresses(headers.first(name)))
  if (originals.some(original => original.address.includes('@') && original.address.toLowerCase() !== address))
    return true
  return via.test(from.name)
}

/** `anna=example.org@list`, `anna@example.org.invalid`: the address in the address. */
function encodedIn(address: string): string[] {
  const [local = '', domain = ''] = address.split('@')
  const invalid = /^(.{3,253}?)(?:\.dmarc)?\.invalid$/i.exec(domain)?.[1]
  if (invalid?.includes('.')) return [`${local}@${invalid}`]
  const [, name, host] = /^([^=]{1,64})=([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,6})$/i.exec(local) ?? []
  return name === undefined ? [] : [`${name}@${host?.toLowerCase()}`]
}

function isOther(address: string, own: ReadonlySet<string>): boolean {
  return (
    address.includes('@') && !own.has(address.toLowerCase()) && !/^(no-?reply|bounces?|.*-bounces)[@+]/i.test(address)
  )
}

/** `'Anna Berg' via Support` → `Anna Berg`. */
function withoutVia(name: string): string {
  const [, person = name] = via.exec(name) ?? []
  return person.replace(/^['"]+|['"]+$/g, '').trim()
}
