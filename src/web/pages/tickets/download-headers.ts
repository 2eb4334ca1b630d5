// PURE. What came with a mail, as an answer of this server: never under the name or the type that its sender gave. A file is for keeping,
// not for showing; but for pictures whose first bytes prove what they are, and even those are shown under a policy in which nothing runs.
// Names: RFC 6266 (Content-Disposition) with RFC 8187 (the name in UTF-8).
import { create } from 'content-disposition'

const longestName = 120

/** What a file may be called: one part of a path on every system, in words that read as they are spelled. */
export function safeFileName(name: string | null, otherwise: string): string {
  const words = plainLine(name ?? '').replace(/[\\/:*?"<>|]/g, '_')
  const bare = words.replace(/^[. ]+/, '').replace(/[. ]+$/, '')
  if (bare === '') return otherwise
  const own = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(bare) ? `_${bare}` : bare
  return shortened(own)
}

/** A very long name keeps its ending. */
function shortened(name: string): string {
  const letters = [...name]
  if (letters.length <= longestName) return name
  const ending = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? ''
  return `${letters.slice(0, longestName - ending.length).join('')}${ending}`
}

/** One line without what cannot be seen or turns the words around it: control letters, and those that change the direction. */
export function plainLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(
      /[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu,
      '',
    )
    .replace(/\s+/g, ' ')
    .trim()
}

/** `Content-Disposition` under which a browser keeps a file, and never shows it. The plain name has no sign that old browsers misread. */
export function keepAs(name: string): string {
  return create(name, { fallback: name.replace(/[^\x20-\x7e]|[%;]/g, '_') })
}

export const pictureTypes = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const
export type PictureType = (typeof pictureTypes)[number]

/** What the bytes are if they are a picture that a browser may show; an SVG is a document and none of these. */
export function pictureTypeOf(bytes: Buffer): PictureType | undefined {
  const starts = (hex: string, at = 0): boolean => bytes.subarray(at, at + hex.length / 2).toString('hex') === hex
  if (starts('89504e470d0a1a0a')) return 'image/png'
  if (starts('ffd8ff')) return 'image/jpeg'
  if (starts('474946383761') || starts('474946383961')) return 'image/gif'
  if (starts('52494646') && starts('57454250', 8)) return 'image/webp'
  return undefined
}

/** For everything that comes out of a mail. */
export const fileHeaders = {
  'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-dns-prefetch-control': 'off',
  'cache-control': 'private, no-store',
} as const
