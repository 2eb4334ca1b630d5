// PURE  words that say who and where → pseudonyms: the same word has the same one within a bundle, so that one can still follow a host.
import { catalogue } from '../../errors/catalogue.ts'

export type Kind = 'address' | 'host' | 'name' | 'path'

export interface Pseudonyms {
  /** The pseudonym of a whole word. */
  of(kind: Kind, word: string): string
  /** Every occurrence of the words that were named, and whatever looks like an address of mail or network, or like the name of a host. */
  hide(text: string): string
}

/** A single letter could be any word of a sentence. */
const minLength = 2
/** Words of the protocol or of this program say nothing about anybody. */
const common: ReadonlySet<string> = new Set(['inbox', 'localhost', 'letterlock', '127.0.0.1', '::1', 'mail', 'root'])

/** `known`: words that are replaced wherever they stand. */
export function createPseudonyms(known: Iterable<readonly [kind: Kind, word: string]>): Pseudonyms {
  const given = new Map<string, string>()
  const counts = new Map<Kind, number>()
  const of = (kind: Kind, word: string): string => {
    const key = word.toLowerCase()
    if (word === '' || common.has(key)) return word
    const before = given.get(key)
    if (before !== undefined) return before
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    given.set(key, `${kind}-${count}`)
    return `${kind}-${count}`
  }
  for (const [kind, word] of known) of(kind, word)
  return {
    of,
    hide(text) {
      const words = [...given.keys()].filter(word => word.length >= minLength).toSorted((a, b) => b.length - a.length)
      const named =
        words.length === 0
          ? text
          : text.replace(new RegExp(`(?<![\\w.-])(${words.map(literal).join('|')})(?![\\w-])`, 'giu'), word =>
              of('name', word),
            )
      return named
        .replace(/[^\s@<>"'()]+@[^\s@<>"'(),;]+/g, word => of('address', word))
        .replace(/(?<![\w.])\d{1,3}(\.\d{1,3}){3}(?![\w.])/g, word => of('host', word))
        .replace(/(?<![\w:])([\da-f]{1,4}:){2,7}(:|[\da-f]{1,4})+(?![\w:])/gi, word => of('host', word))
        .replace(/(?<![\w./-])[\w-]+(\.[\w-]+)+(?![\w/])/g, word => (isHostLike(word) ? of('host', word) : word))
    },
  }
}

/** Not a code, a setting, a file of ours or a number of a version. */
function isHostLike(word: string): boolean {
  const labels = word.split('.')
  if (Object.hasOwn(catalogue, word) || /_/.test(word)) return false
  if (!/^[a-z]{2,}$/i.test(labels.at(-1) ?? '')) return false
  if (labels.length > 2) return true
  return !/^(toml|md|bin|pem|key|ts|txt|json|service|directory|prom|eml|files?|concurrency|shared|level|url|listen|auto)$/i.test(
    labels[1] ?? '',
  )
}

/** As a part of a regular expression. */
function literal(word: string): string {
  return word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
