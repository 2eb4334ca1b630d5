// PURE. The words of text/enriched (RFC 1896) and of text/richtext before it (RFC 1341), without their looks.

/** Commands end with `>`; what is longer is text. */
const command = /<(<|\/?[a-z0-9-]{1,60}>)/gi
const signs: ReadonlyMap<string, string> = new Map([
  ['<', '<'],
  ['lt>', '<'],
  ['nl>', '\n'],
  ['np>', '\n\n'],
  ['paragraph>', '\n'],
  ['/paragraph>', '\n'],
])

/** Line ends of `enriched` are `\n`; a single one is a blank (RFC 1896 §2). */
export function textOfEnriched(enriched: string): string {
  const out: string[] = []
  let [at, parameters, unfilled] = [0, 0, 0]
  const say = (text: string): void => {
    if (parameters === 0 && text !== '') out.push(unfilled > 0 ? text : filled(text))
  }
  for (const { 0: whole, 1: name = '', index } of enriched.matchAll(command)) {
    say(enriched.slice(at, index))
    at = index + whole.length
    const word = name.toLowerCase()
    if (word === 'param>') parameters += 1
    else if (word === '/param>') parameters = Math.max(0, parameters - 1)
    else if (word === 'nofill>') unfilled += 1
    else if (word === '/nofill>') unfilled = Math.max(0, unfilled - 1)
    else if (parameters === 0) out.push(signs.get(word) ?? '')
  }
  say(enriched.slice(at))
  return out.join('')
}

function filled(text: string): string {
  return text.replace(/\n+/g, feeds => (feeds.length === 1 ? ' ' : feeds.slice(1)))
}
