// PURE. Text that others wrote (mails, servers, providers, whoever can write to the database) as it may be shown. Control characters steer a
// terminal, and those that turn the direction of writing let a line say something else than it holds: both are shown as \u escapes.

const unsafe = /[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu
/** Whatever shows nothing by itself, too: in one line of facts nobody needs it. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** Text of several lines: line feeds and tabs stay, every other control or bidi character is escaped. */
export function harmless(text: string): string {
  return text.replace(unsafe, escapeOf)
}

/** A name of which each letter counts (a host, a user name): everything that cannot be seen is escaped, line feeds too. */
export function visible(text: string): string {
  return text.replace(unseen, escapeOf)
}

/** True if every letter of it can be seen. */
export function isVisible(text: string): boolean {
  return text.search(unseen) === -1
}

/** One JSON document in which no character steers a terminal. It is the same value for whoever parses it. */
export function toJsonLine(value: object): string {
  return harmlessJson(JSON.stringify(value))
}

/** The same of a document that is written already: such characters stand inside of its strings only. */
export function harmlessJson(json: string): string {
  return json.replace(unsafe, escapeOf)
}

/**
 * JSON whose reader prints the strings as they are (the log at a terminal): there the escapes themselves are text. An escaped backslash is
 * passed over as a pair, so that the text `\u001b` of a mail stays what it is.
 */
export function literalJson(json: string): string {
  return harmlessJson(json).replace(/\\(?:u([0-9a-f]{4})|.)/gi, (pair, hex: string | undefined) => {
    const letter = hex === undefined ? shortEscapes.get(pair) : String.fromCharCode(Number.parseInt(hex, 16))
    return letter === undefined || letter.search(unsafe) === -1 ? pair : `\\${escapeOf(letter)}`
  })
}

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['\\b', '\b'],
  ['\\f', '\f'],
  ['\\r', '\r'],
])

function escapeOf(letter: string): string {
  const units = Array.from({ length: letter.length }, (_, i) => letter.charCodeAt(i).toString(16).padStart(4, '0'))
  return units.map(unit => `\\u${unit}`).join('')
}
