// PURE. What a mail server said when it refused a login, as admins may read it: often only the provider knows why. It is a stranger's
// text: one line, bounded, without what steers a terminal or turns the direction of writing, and without backticks, between which our own
// hints name commands. A sentence that holds the secret of the login in any form a server may echo it in is not kept at all. It may hold
// addresses: it stands with the account, never in the log.
import { visible } from './foreign-text.ts'

const maxLetters = 200

/** Undefined where nothing was said that may be kept. */
export function toServerWords(text: string, secret: string): string | undefined {
  if (holdsSecret(text, secret)) return undefined
  const line = text.replace(/\s+/g, ' ').trim().replaceAll('`', "'").replace(/[“”]/g, '"')
  let words = ''
  for (const letter of line) {
    const shown = visible(letter)
    if (words.length + shown.length >= maxLetters) return `${words}…`
    words += shown
  }
  return words === '' ? undefined : words
}

const opening = '; the server said: “'

/** A hint with what the server said behind it. */
export function withServerWords(hint: string, said: string | undefined): string {
  return said === undefined ? hint : `${hint}${opening}${said}”`
}

/** As it was typed, as it is quoted or encoded in a LOGIN, AUTHENTICATE or URL, with blanks or unseen letters in between. */
function holdsSecret(text: string, secret: string): boolean {
  if (secret === '') return false
  const bare = toBare(secret)
  return readingsOf(text).some(reading => reading.includes(secret) || (bare !== '' && toBare(reading).includes(bare)))
}

function toBare(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\p{C}\s\\"]/gu, '')
    .toLowerCase()
}

function readingsOf(text: string): string[] {
  const percent = text.replace(/(?:%[0-9a-f]{2})+/gi, bytes => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString())
  const hex = (text.match(/[0-9a-f]{4,}/gi) ?? []).map(run => Buffer.from(run, 'hex').toString())
  // A blob may begin anywhere in a run of its letters.
  const base64 = (text.match(/[\w+/-]{4,}/g) ?? []).flatMap(run =>
    [0, 1, 2, 3].map(from => Buffer.from(run.slice(from), 'base64').toString()),
  )
  return [text, Buffer.from(text, 'latin1').toString(), percent, ...hex, ...base64]
}
