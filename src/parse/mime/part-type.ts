// PURE. What a part says it is, Content-Type and Content-Transfer-Encoding, with the slips that senders make: in quotation marks, as an
// encoded-word, with a comma or a colon for the semicolon, with its name twice, without a subtype, the words in the wrong order. What remains
// unknown is text: words that nobody sees are worse than a file that is shown.
import { decodeText, parseStructured, type StructuredValue, trimBlanks } from './headers.ts'

/** Letters of the beginning in which the slips stand. */
const maxMended = 500

/** A Content-Type; `fallback` is what the part is without one. */
export function readType(raw: string, fallback: string): StructuredValue {
  const type = parseStructured(mended(raw) || fallback)
  return { value: typeOf(type, fallback), params: type.params }
}

function mended(raw: string): string {
  const head = raw.slice(0, maxMended)
  const plain = head.includes('=?')
    ? head.replace(/=\?[^?\s]{1,40}\?[bq]\?[^?\s]{0,200}\?=/gi, word => decodeText(word))
    : head
  const bare = trimBlanks(plain)
    .replace(/^content-type\s{0,9}:\s{0,9}/i, '')
    .replace(/^\([^()]{0,200}\)\s{0,9}/, '')
    .replace(/^["'<]([^"'<>]{1,200})["'>]/, '$1')
    .replace(/^([\w.+-]{1,100})\s{0,9}[/\\]\s{0,9}([\w.+-]{1,100})/, '$1/$2')
    .replace(/^([\w.+/-]{1,200})\s{0,9}[,:]\s{0,9}/, '$1; ')
  return bare + raw.slice(maxMended)
}

const media = /^(text|multipart|message|application|image|audio|video|font|model|chemical|x-[\w-]+)\/[\w.+*-]+$/

function typeOf({ value, params }: StructuredValue, fallback: string): string {
  if (media.test(value)) return value
  if (value.startsWith('multipart') || params.has('boundary')) return 'multipart/mixed'
  if (/html/.test(value)) return 'text/html'
  if (/^(text|plain|txt)\b/.test(value)) return 'text/plain'
  if (value.includes('/')) return value
  return params.has('name') ? 'application/octet-stream' : fallback
}

/** A Content-Transfer-Encoding in lower case; one that is not known comes back as it stands. */
export function readEncoding(raw: string): string {
  const head = raw.slice(0, maxMended)
  const text = (head.includes('=?') ? decodeText(head) : head).toLowerCase()
  const word = text.replace(/[^a-z0-9]/g, '')
  if (/base64|^(b|mime)64/.test(word)) return 'base64'
  if (/^quot|quoted|printable|^qp$/.test(word)) return 'quoted-printable'
  return /^x?uu(encode|e)?$/.test(word) ? 'uuencode' : word
}
