// Turns to poll, first come first served: so many at a time, and whether anybody waits for one.

export interface Turns {
  /** Waits for a turn, runs, and gives it back. Throws the signal's reason where it is aborted before its turn. */
  take<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T>
  waiting(): number
}

export function createTurns(atOnce: number): Turns {
  let free = atOnce
  const queue = new Set<() => void>()
  const enter = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted()
    if (free > 0) {
      free -= 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        queue.delete(mine)
        reject(signal.reason)
      }
      const mine = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      queue.add(mine)
      signal.addEventListener('abort', leave, { once: true })
    })
  }
  const leave = (): void => {
    const [next] = queue
    if (next === undefined) {
      free += 1
      return
    }
    queue.delete(next)
    next()
  }
  return {
    async take(signal, run) {
      await enter(signal)
      try {
        return await run()
      } finally {
        leave()
      }
    },
    waiting: () => queue.size,
  }
}
