// PURE. A line of an IMAP connection as it may be shown to people: for each token of the grammar it is decided whether it can be shown, and
// everything else is shown by its length. A server can repeat a password, a token or a mail wherever it likes, so nothing is shown because it
// looks harmless: what may stand in a line are words of the protocol (protocol-words.ts), numbers of 32 bits, dates of arrival, names of
// mailboxes that the account itself names, and punctuation.
//
// Limit: a secret that is itself a word of the protocol or the name of such a mailbox looks like one.
import { mechanismWords, protocolWords } from './protocol-words.ts'

export interface Shown {
  /** Tags of commands that were sent. */
  tags: ReadonlySet<string>
  /** Names of mailboxes, also in their wire form. */
  names: ReadonlySet<string>
  /** True for a number that is not shown all the same: it is the password. */
  isSecret(digits: string): boolean
}

/** A command as it was sent. A continuation (a literal, an answer of SASL) is never given here: it is hidden whole. */
export function redactCommand(line: string, shown: Shown): string {
  const [, tag, name = '', rest = ''] = /^([0-9A-F]+) ([A-Z]+)(.*)$/s.exec(line.trimEnd()) ?? []
  if (tag === undefined) return ofLength('command', line)
  if (name === 'LOGIN') return `${tag} LOGIN (hidden)`
  if (name !== 'AUTHENTICATE') return `${tag} ${redactTokens(`${name}${rest}`, shown)}`
  const [mechanism = '', blob] = rest.trim().split(' ')
  const named = mechanismWords.has(mechanism) ? mechanism : ofLength('word', mechanism)
  return `${tag} AUTHENTICATE ${named}${blob === undefined ? '' : ' (hidden)'}`
}

/** An answer, with `{n}` where a literal stood. */
export function redactAnswer(line: string, shown: Shown): string {
  const text = line.replace(/[\r\n]+$/, '').replace(/^\0+/, '')
  const [, tag = '', rest = ''] = /^(\S+)(?: (.*))?$/s.exec(text) ?? []
  if (tag === '+') return rest === '' ? '+' : `+ ${ofLength('text', rest)}`
  if (tag !== '*' && !shown.tags.has(tag)) return ofLength('line', text)
  const [, status, after = ''] = /^(OK|NO|BAD|BYE|PREAUTH)(?: (.*))?$/is.exec(rest) ?? []
  if (status === undefined) return tag === '*' ? `* ${redactTokens(rest, shown)}` : `${tag} ${ofLength('text', rest)}`
  return [tag, status.toUpperCase(), ...redactStatus(after, shown)].join(' ')
}

/** `[CODE …] text`: the text is the server's own, whatever it says. */
function redactStatus(after: string, shown: Shown): string[] {
  const [, code, text = ''] = /^(\[[^\]]*\]) ?(.*)$/s.exec(after) ?? [undefined, undefined, after]
  return [...(code === undefined ? [] : [redactTokens(code, shown)]), ...(text === '' ? [] : [ofLength('text', text)])]
}

const maxLetters = 400
const token =
  /(?<blank> +)|(?<mark>[()[\]])|(?<quoted>"(?:[^"\\]|\\.)*")|(?<literal>~?\{\d{1,10}\+?\}(?:\r?\n)?)|(?<word>[^\s()[\]"{}]+)/sy

function redactTokens(text: string, shown: Shown): string {
  let line = ''
  for (token.lastIndex = 0; token.lastIndex < text.length; ) {
    const start = token.lastIndex
    const found = line.length < maxLetters ? token.exec(text)?.groups : undefined
    // What is no token, and what follows it, cannot be told apart.
    if (found === undefined) return `${line.trimEnd()} ${ofLength('rest', text.slice(start))}`
    line += redactToken(found, shown)
  }
  return line
}

function redactToken({ blank, mark, quoted, literal, word = '' }: Record<string, string>, shown: Shown): string {
  if (blank !== undefined) return ' '
  if (mark !== undefined) return mark
  if (literal !== undefined) return `(literal, ${Number(/\d+/.exec(literal)?.[0])} bytes)`
  if (quoted !== undefined) {
    const text = quoted.slice(1, -1).replace(/\\(.)/gs, '$1')
    return isShownText(text, shown) ? quoted : ofLength('string', text)
  }
  return protocolWords.get(word.toUpperCase()) ?? (isShownWord(word, shown) ? word : ofLength('word', word))
}

const hierarchyDelimiter = /^[./\\|]?$/
const month = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)'
const arrival = new RegExp(`^[ \\d]\\d-${month}-\\d{4} \\d\\d:\\d\\d:\\d\\d [+-]\\d{4}$`)
const day = new RegExp(`^\\d{1,2}-${month}-\\d{4}$`)

function isShownText(text: string, { names }: Shown): boolean {
  return hierarchyDelimiter.test(text) || names.has(text) || arrival.test(text)
}

function isShownWord(word: string, shown: Shown): boolean {
  return shown.names.has(word) || day.test(word) || word === '*' || isNumbers(word, shown)
}

/** `7`, `1:5,9` or `12:*`. */
function isNumbers(word: string, { isSecret }: Shown): boolean {
  return word.split(/[:,]/).every(part => {
    if (part === '*') return true
    return /^(0|[1-9]\d{0,9})$/.test(part) && Number(part) < 2 ** 32 && !isSecret(part)
  })
}

function ofLength(kind: string, text: string): string {
  return `(${kind}, ${text.length} bytes)`
}
