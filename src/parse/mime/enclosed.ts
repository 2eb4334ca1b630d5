// PURE. What is inside a leaf that holds more than itself: files in a text, the files and the body of a winmail.dat, and bodies in the transfer
// encoding of before MIME. Their bytes do not lie in the mail as parts of their own; who wants them opens the leaf again.

import type { Attachment } from '../../model/parsed-message.ts'
import { decodeBody, isBodyText, type Part } from './boundary-scan.ts'
import { decodeCharset } from './charset.ts'
import { cutEmbeddedFiles, decodeUuencoded } from './embedded-files.ts'
import { readTnef } from './tnef.ts'

export interface EnclosedFile {
  filename: string | null
  contentType: string
  contentId: string | null
  bytes: Buffer
}

/** An attachment, with its bytes if they do not lie in the mail as a part. */
export interface Found {
  attachment: Attachment
  bytes: Buffer | null
}

export interface Enclosed {
  /** What is left of a text without its files; null if the leaf is no text. */
  text: Buffer | null
  /** They stand in for the leaf, unless that is a text. */
  files: EnclosedFile[]
  /** Of the leaf itself, where that is a mail of its own making. */
  body: { text: string | null; html: string | null } | null
}

/** Null for a leaf that is what it seems. */
export function openLeaf(source: Buffer, leaf: Part): Enclosed | null {
  const coded = source.subarray(leaf.start, leaf.end)
  if (leaf.encoding === 'uuencode') return openUuencoded(coded, leaf)
  if (isTnef(leaf)) return openTnef(decodeBody(coded, leaf.encoding))
  return leaf.type.value === 'text/plain' && isBodyText(leaf) ? openText(coded, leaf.encoding) : null
}

function openUuencoded(coded: Buffer, leaf: Part): Enclosed | null {
  const bytes = decodeUuencoded(coded)
  if (bytes === null) return null
  if (isBodyText(leaf)) return { text: bytes, files: [], body: null }
  return { text: null, files: [{ filename: null, contentType: leaf.type.value, contentId: null, bytes }], body: null }
}

function isTnef(leaf: Part): boolean {
  const { value, params } = leaf.type
  if (/^application\/(vnd\.)?ms-tnef$/.test(value)) return true
  const name = leaf.disposition.params.get('filename') ?? params.get('name') ?? ''
  return value === 'application/octet-stream' && /^winmail\.dat$/i.test(name)
}

function openTnef(bytes: Buffer): Enclosed | null {
  const tnef = readTnef(bytes)
  return tnef === null ? null : { text: null, files: tnef.files, body: { text: tnef.text, html: tnef.html } }
}

function openText(coded: Buffer, encoding: string): Enclosed | null {
  // A text that is coded as base64 shows its lines only when it is decoded.
  if (encoding !== 'base64' && !mayEnclose(coded)) return null
  const text = decodeBody(coded, encoding)
  const cut = mayEnclose(text) ? cutEmbeddedFiles(text) : null
  if (cut === null) return null
  const files = cut.files.map(({ filename, bytes }) => ({
    filename: filename === '' ? null : decodeCharset(Buffer.from(filename, 'latin1'), ''),
    contentType: 'application/octet-stream',
    contentId: null,
    bytes,
  }))
  return { text: cut.text, files, body: null }
}

function mayEnclose(text: Buffer): boolean {
  return text.includes('begin ') || text.includes('begin-base64 ')
}
