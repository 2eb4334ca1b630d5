// Attachments: which leaves of the tree they are, what they are called, and where their bytes lie in the raw mail.
import { createHash } from 'node:crypto'
import type { Enclosed, EnclosedFile, Found } from './enclosed.ts'
import { decodeText } from './headers.ts'
import type { Attachment, PartPlace } from './parsed-message.ts'
import { decodeBody, leavesOf, type Part } from './skeleton.ts'

/** A mail with more is shown with the first ones; the raw mail has them all. */
const maxAttachments = 500

/** True for a leaf that is text to show; everything else is an attachment. */
export function isBodyText(leaf: Part): boolean {
  const { value } = leaf.type
  if (value === 'message/delivery-status' || value === 'message/global-delivery-status') return true
  if (!/^text\/(plain|html|enriched|richtext)$/.test(value)) return false
  if (leaf.disposition.value === 'attachment') return false
  return !hasFileName(leaf) || leaf.disposition.value === 'inline' || leaf.disposition.value === ''
}

function hasFileName(leaf: Part): boolean {
  return (leaf.disposition.params.get('filename') ?? leaf.type.params.get('name') ?? '') !== ''
}

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
  const cids = cidsOf(html)
  const found: Found[] = []
  for (const leaf of leavesOf(root)) {
    if (found.length > maxAttachments) break
    const enclosed = opened(leaf)
    if (enclosed !== null) found.push(...enclosed.files.map(file => toDerived(file, leaf, cids)))
    else if (!isBodyText(leaf) && !isEmptyMultipart(leaf))
      found.push({ attachment: toAttachment(source, leaf, parents.get(leaf), cids), bytes: null })
  }
  return { found: found.slice(0, maxAttachments), cut: found.length > maxAttachments }
}

/** A multipart without parts carries nothing, unless its parts were not looked for. */
function isEmptyMultipart(leaf: Part): boolean {
  return leaf.type.value.startsWith('multipart/') && !leaf.cut
}

/** The ids that HTML shows, in lower case. */
function cidsOf(html: string | null): ReadonlySet<string> {
  return new Set([...(html ?? '').toLowerCase().matchAll(/cid:([^"'\s>)]{1,998})/g)].map(([, id = '']) => id))
}

/** A file without a place of its own in the mail. */
function toDerived(file: EnclosedFile, leaf: Part, cids: ReadonlySet<string>): Found {
  const { bytes, contentId } = file
  return {
    bytes,
    attachment: {
      filename: file.filename === null ? fileNameOf(leaf) : safeName(file.filename),
      contentType: file.contentType.slice(0, 255),
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      contentId,
      inline: contentId !== null && cids.has(contentId.toLowerCase()),
      part: null,
    },
  }
}

function toAttachment(source: Buffer, leaf: Part, parent: Part | undefined, cids: ReadonlySet<string>): Attachment {
  const place = placeOf(leaf)
  const bytes = readPlace(source, place)
  const contentId =
    leaf.headers
      .first('content-id')
      .replace(/^\s*<|>\s*$/g, '')
      .trim()
      .slice(0, 998) || null
  const referred = contentId !== null && cids.has(contentId.toLowerCase())
  const related = parent?.type.value === 'multipart/related' && leaf.disposition.value === 'inline'
  return {
    filename: fileNameOf(leaf),
    contentType: leaf.type.value.slice(0, 255),
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    contentId,
    inline: referred || related,
    part: place,
  }
}

function placeOf(leaf: Part): PartPlace {
  const encoding = leaf.encoding === 'base64' || leaf.encoding === 'quoted-printable' ? leaf.encoding : 'identity'
  return { offset: leaf.start, length: leaf.end - leaf.start, encoding }
}

/** Decoded bytes of a part of the raw mail. */
export function readPlace(source: Buffer, place: PartPlace): Buffer {
  return decodeBody(source.subarray(place.offset, place.offset + place.length), place.encoding)
}

/** As the sender gave it, without folders and control characters; null if there is none. */
function fileNameOf(leaf: Part): string | null {
  const raw = leaf.disposition.params.get('filename') || leaf.type.params.get('name') || ''
  const decoded = raw.includes('=?') ? decodeText(raw) : raw
  return safeName(decoded)
}

function safeName(given: string): string | null {
  const name = given
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '')
    .replace(/^.*[\\/](?=[^\\/])/, '')
    .trim()
  return name === '' ? null : name.slice(0, 255)
}
