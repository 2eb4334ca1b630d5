// How much mail may be on its way at once, in bytes, and who is next: start-time fair queuing (Goyal, Vin and Cheng, 1996). Every batch
// asks for its bytes before it is fetched and gives them back when it is committed. An account that has had much stands behind those
// that have had little, so that a backlog of gigabytes does not delay one mail elsewhere; and the sum bounds the memory.
//
// Nobody waits for a slow server. Where somebody waits, what has been on the wire for two seconds goes on in a second lane of the same capacity;
// where that one is full, the connection is given up, and the account asks in the second lane for a while. In both lanes small batches pass
// large ones that wait for more room than there is; in the second, large ones never take all of it.

/** Bytes that are lent. */
export interface Reservation extends Disposable {
  /** The batch is on the wire from now on. `giveUp` is called at most once, where it is slow and there is no room for it any more. */
  begin(giveUp: () => void): void
  /** The batch is here. */
  arrived(): void
  /** True once `giveUp` was called. */
  readonly givenUp: boolean
}

export interface ByteBudget {
  /** The bytes at once, or undefined where there is none to spare or somebody waits. */
  tryTake(accountId: number, bytes: number): Reservation | undefined
  /** Waits for its turn. Whoever waits must hold nothing of the budget. Throws the signal's reason. */
  take(accountId: number, bytes: number, signal: AbortSignal): Promise<Reservation>
  waiting(): number
}

export interface ByteBudgetOptions {
  /** On the wire for longer is slow. */
  slowAfterMs?: number
  /** An account whose connection was given up counts as slow for so long. */
  rememberMs?: number
}

interface Waiting {
  start: number
  cost: number
  /** What passed it. */
  passed: number
  enter(): void
}

/** A part of the budget with a queue of its own. */
interface Lane {
  used: number
  queue: Waiting[]
  costOf(bytes: number): number
  hasRoom(cost: number): boolean
}

/** A batch on the wire. */
interface Transfer {
  since: number
  isSlow(): boolean
  /** Gives the connection up where there is no room. */
  moveToSlow(): void
}

/** Accounts whose shares are remembered; the others begin anew where everybody is. */
const remembered = 20_000
const defaultSlowAfterMs = 2_000
const defaultRememberMs = 10 * 60_000

/** `capacity` in bytes, for each lane; what asks for more than all of it gets it alone. */
export function createByteBudget(capacity: number, options: ByteBudgetOptions = {}): ByteBudget {
  const { slowAfterMs = defaultSlowAfterMs, rememberMs = defaultRememberMs } = options
  let now = 0
  const finished = new Map<number, number>()
  const slowUntil = new Map<number, number>()
  const transfers = new Set<Transfer>()
  let looksAgain = false

  const isSmall = (cost: number): boolean => cost <= capacity / 8
  const quick: Lane = {
    used: 0,
    queue: [],
    costOf: bytes => Math.min(Math.max(bytes, 1), capacity),
    hasRoom: cost => quick.used + cost <= capacity,
  }
  const slow: Lane = {
    used: 0,
    queue: [],
    costOf: bytes => Math.min(Math.max(bytes, 1), capacity / 2),
    // The last quarter is for small batches: they need not wait for the large ones of other slow servers.
    hasRoom: cost => slow.used + cost <= (isSmall(cost) ? capacity : 0.75 * capacity),
  }
  const laneOf = (accountId: number): Lane => ((slowUntil.get(accountId) ?? 0) > performance.now() ? slow : quick)
  const charge = (accountId: number, cost: number): number => {
    const start = Math.max(now, finished.get(accountId) ?? 0)
    if (finished.size >= remembered) finished.clear()
    finished.set(accountId, start + cost)
    return start
  }

  /** The next in fair order; where there is no room for it, a small one that there is room for may pass, but not for ever. */
  const nextOf = (lane: Lane): Waiting | undefined => {
    const [first, ...others] = lane.queue.toSorted((a, b) => a.start - b.start)
    if (first === undefined || lane.hasRoom(first.cost)) return first
    const next = others.find(({ cost }) => isSmall(cost) && lane.hasRoom(cost))
    if (next === undefined || first.passed + next.cost > capacity) return undefined
    first.passed += next.cost
    return next
  }
  const serve = (lane: Lane): void => {
    for (let next = nextOf(lane); next !== undefined; next = nextOf(lane)) {
      lane.queue.splice(lane.queue.indexOf(next), 1)
      next.enter()
    }
    if (quick.queue.length === 0 || looksAgain) return
    looksAgain = true
    setTimeout(makeRoom, slowAfterMs / 4).unref()
  }
  /** Somebody waits: what is slow leaves the lane. */
  const makeRoom = (): void => {
    looksAgain = false
    for (const transfer of transfers) {
      if (quick.queue.length === 0) return
      if (transfer.isSlow() || performance.now() - transfer.since < slowAfterMs) continue
      transfer.moveToSlow()
      serve(quick)
    }
    serve(quick)
  }

  const lend = (accountId: number, from: Lane, start: number, bytes: number): Reservation => {
    now = Math.max(now, start)
    let lane = from
    let held = 0
    const hold = (next: Lane): void => {
      lane.used -= held
      lane = next
      held = lane.costOf(bytes)
      lane.used += held
    }
    hold(from)
    let transfer: Transfer | undefined
    let [lent, givenUp] = [true, false]
    const arrived = (): void => {
      if (transfer !== undefined) transfers.delete(transfer)
    }
    return {
      get givenUp() {
        return givenUp
      },
      begin(giveUp) {
        transfer = {
          since: performance.now(),
          isSlow: () => lane === slow,
          moveToSlow() {
            if (slow.hasRoom(slow.costOf(bytes))) return hold(slow)
            givenUp = true
            arrived()
            if (slowUntil.size >= remembered) slowUntil.clear()
            slowUntil.set(accountId, performance.now() + rememberMs)
            giveUp()
          },
        }
        transfers.add(transfer)
      },
      arrived,
      [Symbol.dispose]() {
        if (!lent) return
        lent = false
        arrived()
        lane.used -= held
        serve(lane)
      },
    }
  }

  return {
    tryTake(accountId, bytes) {
      const lane = laneOf(accountId)
      const cost = lane.costOf(bytes)
      if (lane.queue.length > 0 || !lane.hasRoom(cost)) return undefined
      return lend(accountId, lane, charge(accountId, cost), bytes)
    },
    take(accountId, bytes, signal) {
      const lane = laneOf(accountId)
      const cost = lane.costOf(bytes)
      const start = charge(accountId, cost)
      return new Promise<Reservation>((resolve, reject) => {
        const leave = () => {
          lane.queue.splice(lane.queue.indexOf(mine), 1)
          reject(signal.reason)
          serve(lane)
        }
        const mine: Waiting = {
          start,
          cost,
          passed: 0,
          enter() {
            signal.removeEventListener('abort', leave)
            resolve(lend(accountId, lane, start, bytes))
          },
        }
        if (signal.aborted) return void reject(signal.reason)
        signal.addEventListener('abort', leave, { once: true })
        lane.queue.push(mine)
        serve(lane)
      })
    },
    waiting: () => quick.queue.length + slow.queue.length,
  }
}
