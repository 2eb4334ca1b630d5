// PURE. What all connections of a process hold of their servers' answers, and who has to go when it is too much: the one that holds most. Nobody waits
// for room: a server that sends slowly, or never to the end, would have all others wait for it.

export interface Holder {
  /** Holds so much from now on; `own`: so much may be held where this is the one that holds most, whatever the capacity. */
  hold(bytes: number, own?: number): void
}

export interface HeldBytes {
  /** `end` is called when this one has to go; it holds nothing from then on. */
  join(end: () => void): Holder
  /** The sum. */
  bytes(): number
}

interface Held {
  bytes: number
  own: number
  end(): void
}

export function createHeldBytes(capacity: number): HeldBytes {
  // Only those that hold something: most connections wait.
  const holders = new Set<Held>()
  let sum = 0
  const set = (held: Held, bytes: number): void => {
    sum += bytes - held.bytes
    held.bytes = bytes
    if (bytes > 0) holders.add(held)
    else holders.delete(held)
  }
  const endLargest = (): boolean => {
    const largest = [...holders].reduce((most, held) => (held.bytes > most.bytes ? held : most))
    if (sum <= Math.max(capacity, largest.own)) return false
    set(largest, 0)
    largest.end()
    return true
  }
  return {
    join(end) {
      const held: Held = { bytes: 0, own: 0, end }
      return {
        hold(bytes, own = 0) {
          held.own = own
          set(held, bytes)
          while (sum > capacity && endLargest());
        },
      }
    },
    bytes: () => sum,
  }
}
