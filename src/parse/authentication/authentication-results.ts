// PURE. Authentication-Results (RFC 8601 §2.2): which server checked a mail, what it checked and what came out. Tolerates what is sent: no
// authserv-id at all (Microsoft), no semicolon after it, comments in any place, values in quotation marks.
// ARC-Authentication-Results (RFC 8617) is another field and says nothing here: anybody can write one.
import type { AuthenticationField, AuthenticationResult, SenderEvidence } from '../../model/sender-verdict.ts'
import { parseAddresses } from '../mime/addresses.ts'
import type { Headers } from '../mime/headers.ts'
import { countOwnHops } from './own-hops.ts'

/** A mail may bear thousands; the topmost are the newest. */
const maxFields = 50
/** Characters of one field. */
const maxLength = 10_000
/** Of one field. */
const maxResults = 50

/** What the mail holds about its sender. `charset` is a hint for raw 8-bit bytes in From. */
export function readSenderEvidence(headers: Headers, charset: string): SenderEvidence {
  const signers = headers.all('dkim-signature').map(raw => readTag(raw, 'd'))
  const seals = headers.all('arc-seal').map(raw => ({ instance: Number(readTag(raw, 'i')), domain: readTag(raw, 'd') }))
  const newest = seals.reduce((a, b) => (b.instance > a.instance ? b : a), { instance: 0, domain: '' })
  return {
    fields: readFields(headers),
    from: onlyFrom(headers, charset),
    signers: signers.slice(0, maxFields),
    sealer: newest.instance > 0 ? newest.domain : null,
    ownHops: countOwnHops(headers.all('received')),
  }
}

/** A tag of a signature (RFC 6376 §3.2), without blanks; '' where it is missing. */
function readTag(raw: string, name: string): string {
  for (const tag of raw.slice(0, maxLength).split(';')) {
    const at = tag.indexOf('=')
    if (tag.slice(0, at).trim() === name) return tag.slice(at + 1).replace(/\s+/g, '')
  }
  return ''
}

function readFields({ fields }: Headers): SenderEvidence['fields'] {
  const found: (AuthenticationField & { hop: number })[] = []
  let hop = 0
  for (const { name, raw } of fields) {
    if (name === 'received') hop++
    if (name === 'authentication-results' && found.length < maxFields) found.push({ ...parseField(raw), hop })
  }
  return found
}

/** Where From names several people, a server may have checked another one than the reader sees. */
function onlyFrom(headers: Headers, charset: string): string | null {
  const people = headers.all('from').flatMap(raw => parseAddresses(raw, charset))
  const [only, ...others] = people.map(({ address }) => address)
  return only === undefined || others.length > 0 || !only.includes('@') ? null : only
}

/** Reads the value of one field. */
export function parseField(raw: string): AuthenticationField {
  const [first = [], ...rest] = cut(raw.slice(0, maxLength))
  const [id, ...after] = first
  const named = id !== undefined && id.kind === 'word' && !id.text.includes('=')
  // The version of the field may follow (`example.com 1`); some forget the semicolon and go on with results.
  const statements = named ? [after.filter(({ text }) => !/^\d+$/.test(text)), ...rest] : [first, ...rest]
  const results = statements.map(readResult).filter(result => result !== null)
  return { authservId: named ? id.text.toLowerCase() : '', results: results.slice(0, maxResults) }
}

interface Token {
  kind: 'word' | 'comment'
  text: string
}

/** Words and comments of each statement; statements end with `;`. Blanks around `=` and `.` belong to the word (RFC 8601 allows them). */
function cut(text: string): Token[][] {
  const statements: Token[][] = []
  let tokens: Token[] = []
  let word = ''
  const endWord = () => {
    if (word !== '') tokens.push({ kind: 'word', text: word })
    word = ''
  }
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string
    if (char === '(') {
      const end = endOfComment(text, at)
      endWord()
      tokens.push({ kind: 'comment', text: text.slice(at + 1, end) })
      at = end + 1
    } else if (char === '"') {
      const { value, end } = readQuoted(text, at)
      word += value
      at = end
    } else if (char === ';') {
      endWord()
      statements.push(tokens)
      tokens = []
      at++
    } else if (/\s/.test(char)) {
      const next = nextSolid(text, at)
      if (text[next] !== '=' && !word.endsWith('=')) endWord()
      at = next
    } else {
      word += char
      at++
    }
  }
  endWord()
  return [...statements, tokens]
}

function nextSolid(text: string, from: number): number {
  let at = from
  while (at < text.length && /\s/.test(text[at] as string)) at++
  return at
}

/** Comments nest (RFC 5322 §3.2.2); one without an end reaches to the end of the field. */
function endOfComment(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '(') depth++
    else if (text[at] === ')' && --depth === 0) return at
  }
  return text.length
}

function readQuoted(text: string, start: number): { value: string; end: number } {
  let value = ''
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '"') return { value, end: at + 1 }
    if (text[at] === '\\') at++
    value += text[at] ?? ''
  }
  return { value, end: text.length }
}

/** `dkim=pass (comment) reason="…" header.d=example.com`; null for `none` and for what names no result. */
function readResult(tokens: readonly Token[]): AuthenticationResult | null {
  const words = tokens.filter(({ kind }) => kind === 'word').map(({ text }) => text)
  const at = words.findIndex(word => /^[a-z0-9-]+(?:\/\d+)?=[a-z]+$/i.test(word))
  const [method = '', result = ''] = words[at]?.toLowerCase().split('=') ?? []
  if (at < 0) return null
  const comments = tokens.filter(({ kind }) => kind === 'comment').map(({ text }) => text)
  return {
    method: method.replace(/\/\d+$/, ''),
    result,
    domain: readDomain(words),
    policy: readPolicy([...comments, ...words].join(' ')),
  }
}

/** What the result is about, without the local part: `header.d=example.com`, `header.i=@example.com`, `header.from=anna@example.com`. */
function readDomain(words: readonly string[]): string {
  for (const name of ['header.d', 'header.i', 'header.from']) {
    const word = words.find(word => word.slice(0, name.length + 1).toLowerCase() === `${name}=`)
    if (word !== undefined) return word.slice(Math.max(word.lastIndexOf('@'), name.length) + 1)
  }
  return ''
}

/** Servers name the policy in a comment, `(p=REJECT sp=…)` or `(policy=none)`, or as a property, `policy.dmarc=reject`. */
function readPolicy(text: string): AuthenticationResult['policy'] {
  const [, policy] = /\b(?:p|policy|policy\.dmarc)=(none|quarantine|reject)\b/i.exec(text) ?? []
  return (policy?.toLowerCase() as AuthenticationResult['policy'] | undefined) ?? null
}
