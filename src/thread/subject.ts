// PURE. The base subject: what is left of a subject when everything is taken away that programs put around it (RFC 5256 §2.1), with the
// reply and forward marks of more languages than English.

const marks =
  /^\s*(?:(?:re|fwd?|aw|wg|sv|vs|vb|antw|doorst|rif|ref|tr|rv|res|enc|odp|pd|ynt|ilt|hl|bls|trs|edx|atb|回复|回覆|转发|轉寄|答复|답장|전달|отв|пересл)\s*(?:\[\d{1,4}\]|\(\d{1,4}\)|\^?\d{1,4})?\s*(?:[:：]+|;)|\(fwd?\))/i
const blob = /^\s*(?:\[[^[\]]{0,80}\]|【[^【】]{0,80}】)/
const trailer = /\s*\(fwd\)\s*$/i
const maxMarks = 50

/** Lower case, white space folded; '' for a subject that is nothing but marks. */
export function baseSubject(subject: string): string {
  let base = subject.slice(0, 2_000).replace(/\s+/g, ' ').trim()
  for (let i = 0; i < maxMarks; i++) {
    const before = base
    base = base.replace(trailer, '').replace(marks, '').trim()
    // A blob ([list name]) goes only where something is left.
    const without = base.replace(blob, '').trim()
    if (without !== '') base = without
    const forwarded = /^\[(?:fwd?|re): ?(.*)\]$/i.exec(base)
    if (forwarded) base = forwarded[1] ?? ''
    if (base === before) break
  }
  return base.toLowerCase()
}
