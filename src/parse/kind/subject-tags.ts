// PURE. What gateways and lists put in front of a subject, and what is not what the sender wrote: `[EXTERNAL]`, `*** SPAM ***`, `EXT:`.

const bracketed =
  /^\s{0,9}(?:\[[^[\]]{0,80}\]|【[^【】]{0,80}】|\{[^{}]{0,40}\}|<ext[^<>]{0,40}>|\(ext[^()]{0,40}\)|\*{1,5}[^*]{1,40}\*{1,5}|={1,5}[^=]{1,40}={1,5})\s{0,9}[:-]?\s{0,9}/i
const words =
  /^\s{0,9}!?(?:ext|extern|external|externe|externo|esterno|extern[ií]|zewnętrzn[ay]|внешн(?:ее|яя)|caution|suspected spam|spam|bulk|warning|achtung|outside|outside (?:email|sender)|external (?:e-?mail|sender|mail|message))!?\s{0,3}[:：|>-]{1,2}\s{0,9}/iu
const maxTags = 5

/** The subject without them; a subject that is nothing else comes back as it is. */
export function withoutTags(subject: string): string {
  let bare = subject
  for (let i = 0; i < maxTags; i++) {
    const next = bare.replace(bracketed, '').replace(words, '')
    if (next === bare || next.trim() === '') break
    bare = next
  }
  return bare
}
