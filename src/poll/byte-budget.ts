// How much mail may be on its way at once, in bytes, and who is next: start-time fair queuing (Goyal, Vin and Cheng, 1996). Every batch
// asks for its bytes before it is fetched and gives them back when it is committed. An account that has had much stands behind those
// that have had little, so that a backlog of gigabytes does not delay one mail elsewhere; and the sum bounds the memory.

export interface ByteBudget {
  /** The bytes at once, or undefined where there is none to spare or somebody waits. */
  tryTake(accountId: number, bytes: number): Disposable | undefined
  /** Waits for its turn. Whoever waits must hold nothing of the budget. Throws the signal's reason. */
  take(accountId: number, bytes: number, signal: AbortSignal): Promise<Disposable>
  waiting(): number
}

interface Waiting {
  start: number
  bytes: number
  enter(): void
}

/** Accounts whose shares are remembered; the others begin anew where everybody is. */
const remembered = 20_000

/** `capacity` in bytes; what asks for more than all of it gets it alone. */
export function createByteBudget(capacity: number): ByteBudget {
  let free = capacity
  let now = 0
  const finished = new Map<number, number>()
  const queue: Waiting[] = []

  const costOf = (bytes: number): number => Math.min(Math.max(bytes, 1), capacity)
  const startOf = (accountId: number): number => Math.max(now, finished.get(accountId) ?? 0)
  const charge = (accountId: number, start: number, bytes: number): void => {
    if (finished.size >= remembered) finished.clear()
    finished.set(accountId, start + bytes)
  }
  const lend = (start: number, bytes: number): Disposable => {
    now = Math.max(now, start)
    free -= bytes
    let lent = true
    return {
      [Symbol.dispose]() {
        if (!lent) return
        lent = false
        free += bytes
        serve()
      },
    }
  }
  const serve = (): void => {
    for (;;) {
      const next = queue.reduce<Waiting | undefined>(
        (a, b) => (a === undefined || b.start < a.start ? b : a),
        undefined,
      )
      if (next === undefined || next.bytes > free) return
      queue.splice(queue.indexOf(next), 1)
      next.enter()
    }
  }

  return {
    tryTake(accountId, bytes) {
      const cost = costOf(bytes)
      if (queue.length > 0 || cost > free) return undefined
      const start = startOf(accountId)
      charge(accountId, start, cost)
      return lend(start, cost)
    },
    take(accountId, bytes, signal) {
      const cost = costOf(bytes)
      const start = startOf(accountId)
      charge(accountId, start, cost)
      return new Promise<Disposable>((resolve, reject) => {
        const leave = () => {
          queue.splice(queue.indexOf(mine), 1)
          reject(signal.reason)
          serve()
        }
        const mine: Waiting = {
          start,
          bytes: cost,
          enter() {
            signal.removeEventListener('abort', leave)
            resolve(lend(start, cost))
          },
        }
        if (signal.aborted) return void reject(signal.reason)
        signal.addEventListener('abort', leave, { once: true })
        queue.push(mine)
        serve()
      })
    },
    waiting: () => queue.length,
  }
}
