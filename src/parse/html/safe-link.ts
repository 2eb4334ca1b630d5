// PURE. Addresses in a mail's HTML: which may be kept, and what is odd about a link. Kept are http, https and mailto, spelled as a browser
// would spell them, so that what is shown, checked and opened is one and the same.

import { domainToASCII, domainToUnicode } from 'node:url'
import type { LinkOddity } from '../../model/parsed-message.ts'

const maxLength = 8_000

/** The address of a link as it may be kept, or null. */
export function safeLink(href: string): string | null {
  const url = parse(href)
  if (url?.protocol === 'mailto:') return url.href
  return isWeb(url) ? url.href : null
}

/** The address of a remote image as it may be kept, or null. */
export function safeImage(src: string): string | null {
  const url = parse(/^\s*\/\//.test(src) ? `https:${src.trim()}` : src)
  return isWeb(url) ? url.href : null
}

function parse(text: string): URL | null {
  return text.length > maxLength ? null : URL.parse(text)
}

function isWeb(url: URL | null): url is URL {
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.hostname !== ''
}

/** What is odd about a link with these words; `href` as safeLink() gave it. */
export function oddities(href: string, words: string): LinkOddity[] {
  const url = URL.parse(href)
  if (!isWeb(url)) return []
  const found: LinkOddity[] = []
  if (hasLookalikes(url.hostname)) found.push('link-lookalike')
  if (url.username !== '' || url.password !== '') found.push('link-userinfo')
  const named = hostIn(words)
  if (named !== null && !leadsTo(url, named)) found.push('link-text-differs')
  return found
}

// Cyrillic, Greek and Armenian letters that are drawn like Latin ones.
const lookalike = /^[аɑαеԑіıїјӏԁԛԝһорсухѕѵгɡηικνορτυχωβօսոհցɩʏ\d-]+$/u
const foreign =
  /[\p{scx=Cyrillic}\p{scx=Greek}\p{scx=Armenian}\p{scx=Cherokee}\p{scx=Lisu}\p{scx=Coptic}\p{scx=Tifinagh}]/u
const letter = /\p{L}/u

/** By label: Latin mixed with an alphabet that has letters like it, or nothing but such letters. */
function hasLookalikes(hostname: string): boolean {
  if (!hostname.includes('xn--')) return false
  return domainToUnicode(hostname)
    .split('.')
    .some(label => {
      if (!foreign.test(label) && !/[ɑıɡɩʏ]/u.test(label)) return false
      const ownLetters = [...label].filter(sign => letter.test(sign))
      return ownLetters.some(sign => /[a-z]/.test(sign)) || lookalike.test(label)
    })
}

/** Ends of bare names that are taken for a host's; others are names of files and programs more often (`report.md`, `node.js`). */
const ends =
  /\.(com|org|net|edu|gov|mil|int|info|biz|io|app|dev|shop|store|online|site|xyz|bank|example|[a-z]{2}|xn--[a-z0-9-]+)$/
const noEnds = /\.(js|ts|md|py|rs|sh|pl|ps|gz|so|cc|hs|kt|vb|cs|rb|go|db|ai)$/

/** The host that the words of a link name, if they are an address or nothing but a name. */
function hostIn(words: string): string | null {
  const text = words.replace(/[\u00ad\u200b-\u200f\u2060\ufeff]/g, '').trim()
  const address = /^(?:https?:\/\/|(?=www\.))(?:[^\s/?#@]{0,200}@)?([^\s/?#:@<>"]{3,253})/i.exec(text)?.[1]
  const bare = /^([\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8})(?:[/:?#]\S*)?$/u.exec(text)?.[1]
  const host = domainToASCII((address ?? bare ?? '').toLowerCase().replace(/\.+$/, ''))
  if (!host.includes('.')) return null
  return address !== undefined || (ends.test(host) && !noEnds.test(host)) ? host : null
}

/** To that host or one of the same owner, perhaps by way of a service that checks links. */
function leadsTo(url: URL, named: string): boolean {
  const real = throughCheckers(url)
  return real === null || ownerOf(real.hostname) === ownerOf(named)
}

/** Services that mail gateways put before every link; null if one of them does not tell where it leads. */
function throughCheckers(url: URL): URL | null {
  const { hostname, pathname, searchParams } = url
  if (/(^|\.)(urldefense\.proofpoint\.com|mimecast\.com|mimecastprotect\.com)$/.test(hostname)) return null
  if (hostname.endsWith('.safelinks.protection.outlook.com')) return URL.parse(searchParams.get('url') ?? '')
  if (hostname === 'linkprotect.cudasvc.com') return URL.parse(searchParams.get('a') ?? '')
  if (/^(www\.)?google\.[a-z.]{2,6}$/.test(hostname) && pathname === '/url')
    return URL.parse(searchParams.get('q') ?? searchParams.get('url') ?? '')
  if (hostname === 'urldefense.com')
    return URL.parse((/__(https?:\/.{1,2000}?)__;/.exec(pathname)?.[1] ?? '').replace(/^(https?:)\/(?!\/)/, '$1//'))
  return url
}

/** The last two labels, or three under the second levels of countries (`co.uk`). */
function ownerOf(hostname: string): string {
  if (/^[\d.]+$/.test(hostname)) return hostname
  const labels = hostname.replace(/\.$/, '').split('.')
  const long = /^(ac|co|com|edu|gob|gov|gouv|go|ne|net|or|org)\.[a-z]{2}$/.test(labels.slice(-2).join('.'))
  return labels.slice(long ? -3 : -2).join('.')
}
