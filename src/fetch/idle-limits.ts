// PURE. For how long IDLE may stand before it is renewed. RFC 2177 §3 asks for less than 29 minutes; routers that translate addresses
// forget a quiet connection much sooner, and some providers end it on their own terms.

const usualMs = 9 * 60_000

/** By the end of the server's name; what each is known to bear. */
const shorter: readonly (readonly [suffix: string, ms: number])[] = [
  ['rambler.ru', 55_000],
  ['163.com', 55_000],
  ['126.com', 55_000],
  ['yeah.net', 55_000],
  ['yahoo.com', 3 * 60_000],
  ['aol.com', 3 * 60_000],
]

/** Milliseconds. */
export function idleLimitMs(host: string): number {
  const name = host.toLowerCase().replace(/\.$/, '')
  const found = shorter.find(([suffix]) => name === suffix || name.endsWith(`.${suffix}`))
  return found?.[1] ?? usualMs
}
