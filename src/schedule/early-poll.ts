// PURE. When to look again before the next slot. Mail seldom comes alone: where no server tells of new mail, a mailbox that just got
// some is looked at sooner, and then less and less often, down to its own interval.

const soonestMs = 5_000

/** `quiet`: polls without mail since the last one that brought some, or null: none ever did. Undefined: at the next slot. */
export function lookAgainMs(everyMs: number, quiet: number | null): number | undefined {
  if (quiet === null) return undefined
  const ms = Math.max(soonestMs, everyMs / 8) * 2 ** Math.min(quiet, 20)
  return ms < everyMs ? Math.round(ms) : undefined
}

const shortLifeMs = 60_000

/**
 * After a connection broke that waited for mail. Undefined: at the next slot, where it had lived so shortly that the server seems to let
 * nobody stay: opening it again at once would be hammering. `random` is in [0, 1).
 */
export function reconnectMs(ageMs: number, random = Math.random()): number | undefined {
  return ageMs < shortLifeMs ? undefined : Math.round(1_000 + random * 4_000)
}
