// PURE. The new words of a mail: without what it quotes below, and without the signature. Where nothing would be left, the whole
// text is: showing too much is better than hiding an answer.

/** Lines that introduce a quotation of everything below. */
const introductions: readonly RegExp[] = [
  /^\s*-{2,}\s*(original message|ursprüngliche nachricht|message d'origine|mensaje original|messaggio originale|forwarded message|original appointment)\s*-{2,}\s*$/i,
  /^\s*_{10,}\s*$/,
  /^\s*(>\s*)?on\b.{3,300}\bwrote:?\s*$/i,
  /^\s*(>\s*)?(am|le|el|il|op|den|em|w dniu)\b.{3,300}\b(schrieb|a écrit|escribió|ha scritto|schreef|skrev|escreveu|napisał)\b.{0,100}:\s*$/i,
  /^\s*.{1,200}<[^<>\s]+@[^<>\s]+>.{0,60}(wrote|schrieb|a écrit|:)\s*:?\s*$/i,
]
const headerLine = /^\s*\*?(from|von|de|da|van|fra|från|差出人|发件人)\s*:\*?\s.+/i
const headerMore =
  /^\s*\*?(sent|date|to|subject|gesendet|an|betreff|datum|envoyé|à|objet|enviado|para|asunto|inviato|verzonden|送信日時|宛先|件名|发送时间|收件人|主题)\s*:\*?\s/i
const signature = /^(--\s?|—\s?|__+\s?)$/
const sentFrom = /^(sent from my \w+.*|von meinem \w+ gesendet|envoyé de mon \w+.*|get outlook for \w+.*)$/i

/** `text` is the whole plain text. */
export function replyOf(text: string): string {
  const lines = joinIntroductions(text.split('\n'))
  const end = lines.findIndex((line, i) => beginsQuotation(lines, line, i))
  const own = (end < 0 ? lines : lines.slice(0, end)).filter(line => !/^\s*>/.test(line))
  const cut = own.findIndex(line => signature.test(line) || sentFrom.test(line.trim()))
  const reply = (cut < 0 ? own : own.slice(0, cut))
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
  return reply === '' || reply.length === text.trim().length ? text : reply
}

/** Quick: every introduction ends in a colon, or is a rule, or a header line. */
const mayBegin = /:|--|__/

function beginsQuotation(lines: readonly string[], line: string, i: number): boolean {
  if (line.length > 400 || !mayBegin.test(line)) return false
  if (introductions.some(pattern => pattern.test(line)))
    return restIsQuoted(lines, i) || !/:\s*$/.test(line) || isLast(lines, i)
  return headerLine.test(line) && lines.slice(i + 1, i + 4).some(next => headerMore.test(next))
}

/** An introduction counts if quoted lines follow, or nothing does that is not quoted at all. */
function restIsQuoted(lines: readonly string[], i: number): boolean {
  const rest = lines.slice(i + 1).filter(line => line.trim() !== '')
  return (
    rest.length === 0 || rest.slice(0, 3).some(line => /^\s*>/.test(line)) || !rest.some(line => /^\s*>/.test(line))
  )
}

function isLast(lines: readonly string[], i: number): boolean {
  return lines.slice(i + 1).every(line => line.trim() === '')
}

/** `On … <a@b>` is often wrapped before `wrote:`. */
function joinIntroductions(lines: readonly string[]): string[] {
  const joined: string[] = []
  for (const line of lines) {
    const last = joined.at(-1)
    const open =
      last !== undefined &&
      last.length < 200 &&
      /^\s*(>\s*)?(on|am|le|el|il|op)\s.*[\d,<@]/i.test(last) &&
      !/:\s*$/.test(last)
    if (open && /\b(wrote|schrieb|a écrit|escribió|ha scritto|schreef)\b.{0,60}:\s*$/i.test(line) && line.length < 200)
      joined[joined.length - 1] = `${last} ${line.trim()}`
    else joined.push(line)
  }
  return joined
}
