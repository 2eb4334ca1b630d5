// PURE. By what HTML and a part of the mail find each other (RFC 2392, RFC 2557): an id or an address is written in many ways in the one and in
// another in the other, so both are brought to one form before they are compared.
import { decodeText } from './headers.ts'

/** The form in which two spellings of an id or of an address are equal. */
export function contentKey(written: string): string {
  const text = withoutPercents(withoutEntities(written))
  const decoded = text.includes('=?') ? decodeText(text) : text
  return decoded.normalize('NFC').trim().replace(/^<|>$/g, '').replace(/\s+/g, ' ').toLowerCase()
}

const entities: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])

function withoutEntities(text: string): string {
  return text.replace(/&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9a-f]{1,6}));?/gi, (whole, name, decimal, hex) => {
    if (name !== undefined) return entities.get(String(name).toLowerCase()) ?? whole
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}

/** RFC 3986 §2.1; what is no UTF-8 is left as it is. */
export function withoutPercents(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}
