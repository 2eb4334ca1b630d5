// PURE. "Sent from my iPhone", in the languages that mail programs speak. A line is one only if nothing but such words stands in it.
import { devices, footerTail, sentEndings, sentWords } from './quotation-words.ts'

const maxLine = 250
const begins = new RegExp(`^[^\\p{L}]{0,3}(?:${sentWords})\\s?[^.,;:!?\\n]{0,60}?(?:${devices})[\\p{L}'’-]{0,20}`, 'iu')
const ends = new RegExp(
  `^[^\\p{L}]{0,3}(?:\\p{L}{1,3}[ -])?(?:${devices})[\\p{L}'’ -]{0,40}?(?:${sentEndings})[^\\p{L}]{0,4}$`,
  'iu',
)
const tail = new RegExp(`^(?:${footerTail}|${devices}|\\d[\\w.+]{0,9})$`, 'iu')
const prepositions = /^(?:for|on|für|pour|para|per|voor|auf|via|with|dla|för|til|till|pro|için|для|over|my|an?)$/i
const advertisement =
  /^(?:yahoo mail: search, organize, conquer|mit freundlichen grüßen von meinem .{2,30}|sent from my [^.,;:!?]{2,60}\.?(?:[,;]?\s{0,3}(?:please )?(?:excuse|forgive|pardon|sorry|apologies) .{2,60})?)$/i

const link = /https?:|\]\(/

/** Written by the program; below it stands only what is quoted. */
export function isMobileFooter(line: string): boolean {
  if (line.length > maxLine) return false
  const words = (link.test(line) ? withoutLinks(line) : line).trim()
  if (words === '') return false
  if (advertisement.test(words) || ends.test(words)) return true
  const found = begins.exec(words)
  return found !== null && isTail(words.slice(found[0].length))
}

function withoutLinks(line: string): string {
  return line.replace(/\[([^\]]{1,200})\]\([^)]{0,250}\)/g, '$1').replace(/<?\s?https?:[^\s>]{0,250}\s?>?/g, '')
}

/** Versions, devices, networks; two names of which nobody knows all may follow a preposition. */
function isTail(text: string): boolean {
  const words = text.split(/[\s,()/.!*_|-]+/).filter(word => word !== '')
  let unknown = 0
  for (const [i, word] of words.entries()) {
    if (tail.test(word)) continue
    unknown += 1
    if (unknown > 2 || !words.slice(Math.max(0, i - 2), i).some(before => prepositions.test(before))) return false
  }
  return words.length <= 10
}
