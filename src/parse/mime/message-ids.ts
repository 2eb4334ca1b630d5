// PURE. Ids of mails (RFC 5322 §3.6.4) in the fields that name them. Read is also what is sent instead: encoded-words, brackets that are
// missing, one-sided or written as entities, blanks inside, junk around.
import { decodeText, trimBlanks } from './headers.ts'

/** Characters of an id; RFC 5322 allows no longer line. */
const maxLength = 998

/** The ids that a field names, without brackets, in their order and once each. */
export function parseMessageIds(raw: string): string[] {
  const text = plainText(raw)
  const bracketed = [...text.matchAll(/<([^<>]*)>/g)].map(([, id = '']) => id.replace(/[ \t\r\n]+/g, ''))
  const ids = bracketed.length > 0 ? bracketed : bareIds(text)
  return [...new Set(ids.filter(id => id !== ''))].map(id => decodeText(id).slice(0, maxLength))
}

/** Encoded-words decoded, wherever in a long list they stand. */
function plainText(raw: string): string {
  const text = raw.includes('=?')
    ? raw.replace(/=\?[^?\s]{1,60}\?[bq]\?[^?]{0,2000}\?=(?:[ \t\r\n]*(?==\?))?/gi, word =>
        decodeText(trimBlanks(word)),
      )
    : raw
  return text.replace(/&(lt|gt);/gi, (_, name: string) => (name.toLowerCase() === 'lt' ? '<' : '>'))
}

/** Words with an @, without the marks around them; a field that is a single word is an id whatever it looks like. */
function bareIds(text: string): string[] {
  const words = text.split(/[ \t\r\n,;]+/).map(word => word.replace(/^[<("'[]+|[>)"'\]]+$/g, ''))
  const ids = words.filter(word => word.includes('@'))
  const [only = '', ...others] = words.filter(word => word !== '')
  return ids.length > 0 || others.length > 0 ? ids : [only]
}
