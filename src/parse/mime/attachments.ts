// Attachments: which leaves of the tree they are, what they are called, and where their bytes lie in the raw mail.
import { createHash, hash } from 'node:crypto'
import type { Attachment, PartLocation } from '../../model/parsed-message.ts'
import { decodeLines } from './base64.ts'
import { decodeBody, hasFileName, isBodyText, leavesOf, type Part } from './boundary-scan.ts'
import { contentKey, withoutPercents } from './content-key.ts'
import type { Enclosed, EnclosedFile, Found } from './enclosed.ts'
import { decodeText, parseHeaders } from './headers.ts'

/** A mail with more is shown with the first ones; the raw mail has them all. */
const maxAttachments = 500

/**
 * The attachments in the order of the mail, and whether there are more. `html` decides whether one is inline; `opened` tells of a leaf
 * with files inside, which follow their text, or stand in for a leaf that is none.
 */
export function findAttachments(
  source: Buffer,
  root: Part,
  html: string | null,
  opened: (leaf: Part) => Enclosed | null,
): { found: Found[]; cut: boolean } {
  const parents = new Map<Part, Part>()
  const walk = (part: Part): void => {
    for (const child of part.children) {
      parents.set(child, part)
      walk(child)
    }
  }
  walk(root)
  let known: Shown | undefined
  const shown = (): Shown => {
    known ??= shownBy(html)
    return known
  }
  const found: Found[] = []
  for (const leaf of leavesOf(root)) {
    if (found.length > maxAttachments) break
    const enclosed = opened(leaf)
    if (enclosed !== null) found.push(...enclosed.files.map(file => toDerived(file, leaf, shown())))
    else if (isFile(leaf, parents.get(leaf)))
      found.push({ attachment: toAttachment(source, leaf, parents.get(leaf), shown()), bytes: null })
  }
  return { found: found.slice(0, maxAttachments), cut: found.length > maxAttachments }
}

/** A text with a name is both: its words are shown, and it can be saved. */
function isFile(leaf: Part, parent: Part | undefined): boolean {
  // A multipart without parts carries nothing, unless its parts were not looked for.
  if (leaf.type.value.startsWith('multipart/')) return leaf.cut
  if (leaf.type.value === 'application/applefile' && parent?.type.value === 'multipart/appledouble') return false
  if (isBodyText(leaf))
    return isNamedText(leaf) && parent !== undefined && parent.type.value !== 'multipart/alternative'
  return hasFileName(leaf) || !otherForms.test(leaf.type.value)
}

/** The same words once more, for programs that show mail in a way of their own: AMP, and reactions of Gmail. */
const otherForms = /^text\/(?:x-)?amp-html$|reaction\+json$/

function isNamedText(leaf: Part): boolean {
  return leaf.type.value.startsWith('text/') && hasFileName(leaf)
}

/** What the HTML shows, by `cid:` and by other addresses, each as contentKey() has it. */
interface Shown {
  ids: ReadonlySet<string>
  places: ReadonlySet<string>
}

/** Longer addresses are links that nobody has a file for; there are no more pictures than this in a mail. */
const maxPlaces = 2_000

function shownBy(html: string | null): Shown {
  const ids = [...(html ?? '').matchAll(/cid:([^"'\s>)]{1,998})/gi)].map(([, id = '']) => contentKey(id))
  const sources = (html ?? '').matchAll(
    /\b(?:src|background)\s{0,9}=\s{0,9}(?:"([^"]{1,998})"|'([^']{1,998})'|([^\s"'>]{1,998}))/gi,
  )
  const places = [...sources]
    .slice(0, maxPlaces)
    .map(([, double, single, bare]) => contentKey(double ?? single ?? bare ?? ''))
  return { ids: new Set(ids), places: new Set(places) }
}

/** A file without a place of its own in the mail. */
function toDerived(file: EnclosedFile, leaf: Part, shown: Shown): Found {
  const { bytes, contentId } = file
  return {
    bytes,
    attachment: {
      filename: file.filename === null ? fileNameOf(leaf) : safeName(file.filename),
      contentType: file.contentType.slice(0, 255),
      size: bytes.length,
      sha256: hash('sha256', bytes),
      contentId,
      inline: contentId !== null && shown.ids.has(contentKey(contentId)),
      part: null,
    },
  }
}

function toAttachment(source: Buffer, leaf: Part, parent: Part | undefined, shown: Shown): Attachment {
  const part = placeOf(leaf)
  const place = decodeText(leaf.headers.first('content-location')).replace(/\s+/g, '')
  const isPlaced = place !== '' && shown.places.has(contentKey(place))
  // Without an id the address is what the HTML finds it by.
  const contentId = contentIdOf(leaf) ?? (isPlaced ? place.slice(0, 998) : null)
  const referred = isPlaced || (contentId !== null && shown.ids.has(contentKey(contentId)))
  const related = parent?.type.value === 'multipart/related' && leaf.disposition.value === 'inline'
  return {
    filename: fileNameOf(leaf) ?? nameByContent(source, leaf, place),
    contentType: leaf.type.value.slice(0, 255),
    ...measure(source, part),
    contentId,
    inline: referred || related,
    part,
  }
}

function placeOf(leaf: Part): PartLocation {
  const encoding = leaf.encoding === 'base64' || leaf.encoding === 'quoted-printable' ? leaf.encoding : 'identity'
  return { offset: leaf.start, length: leaf.end - leaf.start, encoding }
}

/** Decoded bytes of a part of the raw mail. */
export function readPlace(source: Buffer, place: PartLocation): Buffer {
  return decodeBody(bytesAt(source, place), place.encoding)
}

function bytesAt(source: Buffer, { offset, length }: PartLocation): Buffer {
  return source.subarray(offset, offset + length)
}

/** Of the decoded bytes. Base64 that is as programs write it is never there as a whole. */
function measure(source: Buffer, place: PartLocation): { size: number; sha256: string } {
  if (place.encoding === 'base64') {
    const sum = createHash('sha256')
    let size = 0
    const isRegular = decodeLines(bytesAt(source, place), piece => {
      sum.update(piece)
      size += piece.length
    })
    if (isRegular) return { size, sha256: sum.digest('hex') }
  }
  const bytes = readPlace(source, place)
  return { size: bytes.length, sha256: hash('sha256', bytes) }
}

/** Without angle brackets, encoded-words decoded. */
function contentIdOf(leaf: Part): string | null {
  const decoded = decodeText(leaf.headers.first('content-id')).trim()
  return decoded.replace(/^<|>$/g, '').trim().slice(0, 998) || null
}

/** As the sender gave it, without folders and control characters; null if there is none. */
function fileNameOf(leaf: Part): string | null {
  const raw = leaf.disposition.params.get('filename') || leaf.type.params.get('name') || ''
  const decoded = raw.includes('=?') ? decodeText(raw) : raw
  return safeName(decoded)
}

/** Of a part that has none: the subject of a mail that is attached, the end of the address that a picture had. */
function nameByContent(source: Buffer, leaf: Part, place: string): string | null {
  if (/^message\/(rfc822|global)$/.test(leaf.type.value)) return nameOfMail(readPlace(source, placeOf(leaf)))
  const [, end = ''] = /([^/\\?#:]{1,255})(?:[?#].*)?$/.exec(place.replace(/^cid:.*/i, '')) ?? []
  return safeName(withoutPercents(end))
}

function nameOfMail(mail: Buffer): string | null {
  const head = mail.subarray(0, maxHeader)
  const end = /\r?\n\r?\n/.exec(head.toString('latin1'))?.index ?? head.length
  const subject = decodeText(parseHeaders(head.subarray(0, end)).first('subject'))
  const name = safeName(subject.replace(/[\\/:*?"<>|]/g, '_'))
  return name === null ? null : `${name.slice(0, 251).trim()}.eml`
}

const maxHeader = 65_536

/** Line breaks are blanks; they came with a name that was folded. */
function safeName(given: string): string | null {
  const name = given
    .replace(/\s*[\r\n\t]\s*/g, ' ')
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '')
    .replace(/^.*[\\/](?=[^\\/])/, '')
    .trim()
  return name === '' ? null : name.slice(0, 255)
}
